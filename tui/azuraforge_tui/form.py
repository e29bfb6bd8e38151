"""A form's texts and what they mean: values, problems, the command that does the same.

Only what a ConfigField says is checked here: whether a text reads as the field's kind. The service,
which has the plugin, has the last word.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from azuraforge.schema.config import ConfigField
from azuraforge.schema.specs import RunSpec

# The fields that every run has, named as on the command line, so never as a plugin's.
SEED = ConfigField(
    path="--seed",
    kind="int",
    default=0,
    description="the same seed gives the same run",
    allowed="a whole number >= 0",
)
DEVICE = ConfigField(
    path="--device",
    kind="choice",
    default="cpu",
    choices=["cpu", "cuda"],
    description="where it computes",
    allowed="one of cpu, cuda",
)
RUN_FIELDS = (SEED, DEVICE)


def default_text(field: ConfigField) -> str:
    """What a row holds before anybody types."""
    return "" if field.default is None else _written(field, field.default)


def read(field: ConfigField, text: str) -> Any:
    """The value a text stands for; an empty text is None where that is allowed.

    Raises: ValueError saying what is allowed.
    """
    if text == "":
        if field.optional:
            return None
        if field.required or field.kind != "str":
            raise ValueError(f"required: {field.allowed}")
    try:
        return _read(field, text)
    except (ValueError, KeyError) as error:
        raise ValueError(f"allowed: {field.allowed}") from error


class Draft(NamedTuple):
    """What a form's texts amount to."""

    values: dict[str, Any]  # those that differ from their defaults, by path
    problems: dict[str, str]  # what is wrong, by path


def draft(fields: Iterable[ConfigField], texts: Mapping[str, str]) -> Draft:
    """The texts read as their fields; a field without a text has its default."""
    found = Draft({}, {})
    for field in fields:
        default = default_text(field)
        try:
            value = read(field, texts.get(field.path, default))
        except ValueError as error:
            found.problems[field.path] = str(error)
            continue
        if field.required or value != read(field, default):
            found.values[field.path] = value
    return found


def spec_of(plugin: str, values: Mapping[str, Any]) -> RunSpec:
    """The run these changed values ask for."""
    config = {path: value for path, value in values.items() if not path.startswith("--")}
    return RunSpec(
        plugin=plugin,
        config=config,
        seed=values.get(SEED.path, SEED.default),
        device=values.get(DEVICE.path, DEVICE.default),
    )


def command(plugin: str, fields: Iterable[ConfigField], values: Mapping[str, Any]) -> str:
    """The line for a shell that starts the same run."""
    words = ["azuraforge", "train", plugin]
    for field in fields:
        if field.path not in values:
            continue
        text = _written(field, values[field.path])
        words += [field.path, text] if field in RUN_FIELDS else ["--set", f"{field.path}={text}"]
    return shlex.join(words)


def _read(field: ConfigField, text: str) -> Any:
    match field.kind:
        case "bool":
            return {"true": True, "false": False}[text.strip().lower()]
        case "int":
            whole = int(text)
            if not (0 if field is SEED else -(2**63)) <= whole < 2**63:
                raise ValueError(text)
            return whole
        case "float":
            number = float(text)
            if not math.isfinite(number):  # JSON has none, and no setting wants one
                raise ValueError(text)
            return number
        case "choice":
            return {str(choice): choice for choice in field.choices}[text]
        case "json":
            return msgspec.json.decode(text.encode())
        case "str":
            return text


def _written(field: ConfigField, value: Any) -> str:
    """The value as `configure` reads it back from a text."""
    if value is None:
        return "null"
    if field.kind == "bool" or (field.kind == "json" and not isinstance(value, str)):
        return msgspec.json.encode(value).decode()
    return repr(value) if field.kind == "float" else str(value)
