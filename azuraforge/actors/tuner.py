"""The Tuner: which trials of a study to start next, and how they ended.

A state machine: it starts nothing itself. Random search: trial n is a function of seed and n.
"""

from __future__ import annotations

import difflib
import math
from typing import Any, NamedTuple

from msgspec import structs

from azuraforge.actors.resolve import resolve
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError
from azuraforge.schema.config import PluginConfig, configure, fields_of
from azuraforge.schema.records import RunRecord, StudyRecord, Trial
from azuraforge.schema.specs import Choice, Range, RunSpec, StudySpec


class StartTrial(NamedTuple):
    """A command of the Tuner: start a run of `spec` as trial `number`."""

    number: int
    spec: RunSpec


class Tuner:
    """Random search over a study's space.

    Raises: ConfigError for a path the plugin's config does not have, or a range it does not allow;
            what `resolve` raises for the base spec.
    """

    def __init__(self, spec: StudySpec, study: str) -> None:
        self.spec = spec
        self.study = study
        self._base, plugin, _ = resolve(spec.base)
        _check(spec, self._base, plugin.config)
        self._trials: list[Trial] = []
        self._monitor: str | None = None
        self._mode: Any = None

    def start(self) -> list[StartTrial]:
        """The trials there is room for now."""
        running = sum(trial.state in ("queued", "running") for trial in self._trials)
        room = min(self.spec.parallel - running, self.spec.trials - len(self._trials))
        return [self._next() for _ in range(room)]

    def began(self, number: int, run: str) -> None:
        """Trial `number` runs as `run`."""
        self._put(structs.replace(self._trials[number - 1], run=run, state="running"))

    def ended(self, number: int, record: RunRecord) -> list[StartTrial]:
        """Trial `number` has ended as `record` says; the trials to start now."""
        self._monitor, self._mode = record.monitor or self._monitor, record.mode or self._mode
        value = record.metrics.get(record.monitor or "") if record.state == "finished" else None
        self._put(structs.replace(self._trials[number - 1], state=record.state, value=value))
        return self.start()

    def record(self) -> StudyRecord:
        """The study as it stands; `best` is the finished trial with the best value."""
        valued = [trial for trial in self._trials if trial.value is not None]
        pick = max if self._mode == "max" else min
        best = pick(valued, key=lambda trial: trial.value or 0.0).number if valued else None
        return StudyRecord(
            id=self.study,
            trials=list(self._trials),
            monitor=self._monitor,
            mode=self._mode,
            best=best,
        )

    def _next(self) -> StartTrial:
        number = len(self._trials) + 1
        values = self._draw(number)
        self._trials.append(Trial(number=number, values=values))
        return StartTrial(number, self._spec_of(values))

    def _draw(self, number: int) -> dict[str, Any]:
        generator = Generator(self.spec.seed).child(f"trial {number}")
        return {path: _value(axis, generator) for path, axis in self.spec.space.items()}

    def _spec_of(self, values: dict[str, Any]) -> RunSpec:
        config = _with(self._base.config, values)
        return structs.replace(self._base, config=config, study=self.study)

    def _put(self, trial: Trial) -> None:
        self._trials[trial.number - 1] = trial


def _value(axis: Range | Choice, generator: Generator) -> Any:
    if isinstance(axis, Choice):
        return axis.values[int(generator.integers(0, len(axis.values), (1,))[0])]
    low, high = _bounds(axis)
    half = 0.5 if axis.whole else 0.0  # so that the first and the last are as likely as the others
    ends = low - half, high + half
    left, right = map(math.log, ends) if axis.log else ends
    value = left + (right - left) * float(generator.uniform((1,), dtype="float64")[0])
    value = math.exp(value) if axis.log else value
    return min(max(round(value) if axis.whole else value, low), high)


def _bounds(axis: Range) -> tuple[float, float]:
    """The least and the greatest value of a range."""
    return (math.ceil(axis.low), math.floor(axis.high)) if axis.whole else (axis.low, axis.high)


def _check(spec: StudySpec, base: RunSpec, config: type[PluginConfig]) -> None:
    """Refuse a space whose trials could not run, before the first of them does."""
    known = [field.path for field in fields_of(config)]
    for path, axis in spec.space.items():
        if path not in known:
            close = difflib.get_close_matches(path, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(f"space: no key {path!r}; known keys: {', '.join(known)}{hint}")
        if isinstance(axis, Range):
            _check_range(path, axis)
        for value in _probes(axis):
            configure(config, _with(base.config, {path: value}))


def _check_range(path: str, axis: Range) -> None:
    finite = math.isfinite(axis.low) and math.isfinite(axis.high)
    if not finite or not axis.low < axis.high or (axis.log and axis.low <= 0):
        raise ConfigError(
            f"space: {path}: {axis.low} to {axis.high}; allowed: low < high, "
            "and low > 0 on a logarithmic scale"
        )
    low, high = _bounds(axis)
    if low > high:
        raise ConfigError(f"space: {path}: no whole number from {axis.low} to {axis.high}")


def _probes(axis: Range | Choice) -> list[Any]:
    """Values that the config allows only if it allows every one that may be drawn."""
    if isinstance(axis, Choice):
        return axis.values
    return [*_bounds(axis), _value(axis, Generator(0))]  # not whole: tells a field of whole numbers


def _with(config: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """A copy of a nested config with values put in by dotted path."""
    merged = {k: dict(v) if isinstance(v, dict) else v for k, v in config.items()}
    for path, value in values.items():
        group, _, rest = path.partition(".")
        merged[group] = _with(merged[group], {rest: value}) if rest else value
    return merged
