"""The space of a study from `--space` options, each value checked against the plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from azuraforge.errors import ConfigError, FieldProblem
from azuraforge.plugin import load
from azuraforge.schema.config import PluginConfig, configure, fields_of, values_of
from azuraforge.schema.specs import Choice, Range, RunSpec


def space_of(base: RunSpec, given: Sequence[tuple[str, str]]) -> dict[str, Range | Choice]:
    """The space these options describe, around the settings of `base`.

    Raises: ConfigError for an unknown path, a bound or a choice that the setting does not take.
    """
    config = load(base.plugin).config
    kinds = {field.path: field.kind for field in fields_of(config)}
    space: dict[str, Range | Choice] = {}
    for path, text in given:
        bounds = _bounds(text)
        if bounds is None:
            space[path] = Choice(
                values=[_checked(config, base, path, part) for part in text.split(",")]
            )
            continue
        low, high = (_checked(config, base, path, bound) for bound in bounds)
        if kinds[path] not in ("int", "float"):
            raise _problem(path, text, "a range is for numbers; list the values: a,b,c")
        if not low < high:
            raise _problem(path, text, "low..high with low < high")
        log = text.endswith(":log")
        if log and low <= 0:
            raise _problem(path, text, "with :log, low > 0")
        space[path] = Range(low=low, high=high, log=log, whole=kinds[path] == "int")
    return space


def _bounds(text: str) -> tuple[str, str] | None:
    low, dots, high = text.removesuffix(":log").partition("..")
    try:
        float(low), float(high)
    except ValueError:  # a list of values, some of which may hold dots
        return None
    return (low, high) if dots else None


def _checked(config: type[PluginConfig], base: RunSpec, path: str, text: str) -> Any:
    """The text as a value of this setting."""
    value: Any = values_of(configure(config, {**base.config, path: text}))
    for name in path.split("."):
        value = value[name]
    return value


def _problem(path: str, text: str, allowed: str) -> ConfigError:
    problem = FieldProblem(f"--space {path}", text, f"allowed: {allowed}")
    return ConfigError(str(problem), (problem,))
