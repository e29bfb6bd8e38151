"""The Tuner: which trials of a study to start next, and how they ended.

A state machine: it starts nothing itself. Random search: trial n is a function of seed and n.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from msgspec import structs

from azuraforge.actors.resolve import resolve
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError
from azuraforge.schema.config import fields_of
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
        _check(spec, [field.path for field in fields_of(plugin.config)])
        self._trials: list[Trial] = []
        self._monitor: str | None = None
        self._mode: Any = None
        for number in range(1, spec.trials + 1):
            resolve(self._spec_of(self._draw(number)))  # a bad trial is refused before the first

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
    (unit,) = generator.uniform((1,), dtype="float64")
    low, high = (math.log(axis.low), math.log(axis.high)) if axis.log else (axis.low, axis.high)
    value = float(low + (high - low) * unit)
    value = math.exp(value) if axis.log else value
    return round(value) if axis.whole else min(max(value, axis.low), axis.high)


def _check(spec: StudySpec, known: list[str]) -> None:
    for path, axis in spec.space.items():
        if path not in known:
            raise ConfigError(f"space: no key {path!r} in the config; known: {', '.join(known)}")
        if isinstance(axis, Range) and not (
            axis.low < axis.high and (axis.low > 0 or not axis.log)
        ):
            raise ConfigError(
                f"space: {path}: {axis.low} to {axis.high}; allowed: low < high, "
                "and low > 0 on a logarithmic scale"
            )


def _with(config: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """A copy of a nested config with values put in by dotted path."""
    merged = {k: dict(v) if isinstance(v, dict) else v for k, v in config.items()}
    for path, value in values.items():
        group, _, rest = path.partition(".")
        merged[group] = _with(merged[group], {rest: value}) if rest else value
    return merged
