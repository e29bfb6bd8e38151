"""Configs as structs: the part every plugin shares, the flat list of fields, values put in by path.

A plugin declares its config once, as a nested `msgspec.Struct`. The command line's `--set a.b=c`,
the service's schema, the terminal form and the check of what a person typed are all read off it.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct, structs

from azuraforge.errors import ConfigError, FieldProblem

C = TypeVar("C", bound=Struct)


LIVE = {"live": True}  # Meta's `extra` for what `set` may change while a run is on


class OptimizerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which optimizer, and its settings, with PyTorch's names."""

    name: Annotated[Literal["adam", "adamw", "sgd"], Meta(description="update rule")] = "adam"
    lr: Annotated[float, Meta(gt=0, le=100, description="learning rate", extra=LIVE)] = 1e-3
    momentum: Annotated[float, Meta(ge=0, lt=1, description="momentum of sgd", extra=LIVE)] = 0.0
    weight_decay: Annotated[
        float,
        Meta(ge=0, le=1, description="L2 penalty; adamw: decay by itself", extra=LIVE),
    ] = 0.0


class ScheduleConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The learning rate over the run: optim.lr times a factor of the step."""

    name: Annotated[
        Literal["constant", "linear", "cosine", "step", "exponential", "plateau"],
        Meta(description="how the factor falls; plateau: when epochs bring no improvement"),
    ] = "constant"
    warmup_steps: Annotated[
        int, Meta(ge=0, le=1_000_000_000, description="first steps, with a factor that rises to 1")
    ] = 0
    min_factor: Annotated[float, Meta(ge=0, le=1, description="the factor never falls below")] = 0.0
    gamma: Annotated[
        float, Meta(gt=0, le=1, description="step, exponential, plateau: one fall multiplies by")
    ] = 0.1
    step_size: Annotated[
        int, Meta(ge=1, le=1_000_000_000, description="step, exponential: steps from fall to fall")
    ] = 1000
    patience: Annotated[
        int, Meta(ge=0, le=100_000, description="plateau: epochs borne without an improvement")
    ] = 5


class TrainingConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long and in what portions to train, and what watches over it."""

    epochs: Annotated[
        int, Meta(ge=1, le=100_000, description="passes over the training set", extra=LIVE)
    ] = 10
    batch_size: Annotated[int, Meta(ge=1, le=1_000_000, description="samples per batch")] = 64
    accumulate: Annotated[int, Meta(ge=1, le=100_000, description="batches per step")] = 1
    clip_norm: (
        Annotated[float, Meta(gt=0, description="largest norm of all gradients", extra=LIVE)] | None
    ) = None
    ema: (
        Annotated[float, Meta(ge=0, lt=1, description="decay of the averaged weights, if any")]
        | None
    ) = None
    patience: (
        Annotated[
            int,
            Meta(ge=1, le=100_000, description="epochs without an improvement to end", extra=LIVE),
        ]
        | None
    ) = None
    min_delta: Annotated[float, Meta(ge=0, description="least improvement to count")] = 0.0
    on_nan: Annotated[
        Literal["fail", "rollback"],
        Meta(description="on NaN: end, or go back to a checkpoint with half the learning rate"),
    ] = "fail"
    validate_every: Annotated[
        int, Meta(ge=0, le=1_000_000_000, description="steps between validations in an epoch")
    ] = 0
    statistics_every: Annotated[
        int, Meta(ge=0, le=1_000_000_000, description="steps between layer statistics", extra=LIVE)
    ] = 0


class PluginConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of a config that the Trainer reads; a plugin's config extends it."""

    optim: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    training: TrainingConfig = TrainingConfig()


FieldKind = Literal["bool", "int", "float", "str", "choice", "json"]


class ConfigField(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One leaf of a config: what a form row or a line of help needs to know about it."""

    path: str
    kind: FieldKind
    default: Any = None
    required: bool = False
    optional: bool = False  # None (an empty form row) is allowed
    choices: list[Any] = []
    description: str = ""
    allowed: str = ""  # in words: "a number > 0 and <= 100"
    live: bool = False  # may be changed while a run is on


def fields_of(config: type[Struct]) -> list[ConfigField]:
    """The leaves of a nested config in the order they were declared."""
    return [field for field, _ in _leaves(config)]


def configure(config: type[C], values: Mapping[str, Any]) -> C:
    """The config with `values` put in over its defaults.

    Keys are dotted paths or nested mappings; texts are read as the field's type, as typed on a
    command line or in a form.

    Raises: ConfigError listing every unknown key and every value out of range.
    """
    leaves = {field.path: (field, kind) for field, kind in _leaves(config)}
    given = dict(_flatten(values, leaves))
    problems = [_unknown(path, given[path], leaves) for path in given if path not in leaves]
    nested: dict[str, Any] = {}
    for path, (field, kind) in leaves.items():
        if path not in given:
            if field.required:
                problems.append(FieldProblem(path, None, f"required: {field.allowed}"))
            continue
        try:
            _put(nested, path, _read(given[path], kind, field.optional))
        except (msgspec.ValidationError, ValueError):
            problems.append(FieldProblem(path, given[path], f"allowed: {field.allowed}"))
    if problems:
        raise ConfigError("; ".join(map(str, problems)), tuple(problems))
    try:
        return msgspec.convert(_with_defaults(config, nested), config)
    except msgspec.ValidationError as error:  # what the config's own __post_init__ does not allow
        raise ConfigError(f"config: {error}") from error


def values_of(config: Struct) -> dict[str, Any]:
    """The config as plain nested values, every default filled in; `configure` reads it back."""
    values: dict[str, Any] = msgspec.to_builtins(config)
    return values


def _leaves(config: type[Struct], prefix: str = "") -> Iterator[tuple[ConfigField, Any]]:
    hints = get_type_hints(config, include_extras=True)
    for info in structs.fields(config):
        hint, path = hints[info.name], f"{prefix}{info.name}"
        plain, meta = _unwrap(hint)
        default = _default_of(info)
        if isinstance(plain, type) and issubclass(plain, Struct):
            nested_defaults = default if default is not msgspec.NODEFAULT else None
            for field, kind in _leaves(plain, f"{path}."):
                name = field.path.removeprefix(f"{path}.")
                if nested_defaults is not None:
                    field = structs.replace(
                        field, default=_at(nested_defaults, name), required=False
                    )
                yield field, kind
            continue
        yield _describe(path, hint, plain, meta, default), hint


def _describe(path: str, hint: Any, plain: Any, meta: Meta | None, default: Any) -> ConfigField:
    members = get_args(plain) if get_origin(plain) is not Literal else ()
    optional = type(None) in members
    if optional:
        inner = [member for member in members if member is not type(None)]
        plain, inner_meta = _unwrap(inner[0]) if len(inner) == 1 else (plain, None)
        meta = meta or inner_meta
    choices = list(get_args(plain)) if get_origin(plain) is Literal else []
    kinds: dict[Any, FieldKind] = {bool: "bool", int: "int", float: "float", str: "str"}
    kind: FieldKind = "choice" if choices else kinds.get(plain, "json")
    required = default is msgspec.NODEFAULT
    return ConfigField(
        path=path,
        kind=kind,
        default=None if required else msgspec.to_builtins(default),
        required=required,
        optional=optional,
        choices=choices,
        description=(meta.description or "") if meta else "",
        allowed=_allowed(kind, choices, meta) + (" or none" if optional else ""),
        live=bool(meta and meta.extra and meta.extra.get("live")),
    )


def _allowed(kind: FieldKind, choices: list[Any], meta: Meta | None) -> str:
    if choices:
        return "one of " + ", ".join(map(str, choices))
    names = {
        "bool": "true or false",
        "int": "a whole number",
        "float": "a number",
        "str": "a text",
        "json": "JSON",
    }
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    bounds = [
        f"{sign} {getattr(meta, key)}"
        for key, sign in signs.items()
        if getattr(meta, key, None) is not None
    ]
    if meta and meta.min_length:
        bounds.append(f"at least {meta.min_length} long")
    if meta and meta.pattern:
        bounds.append(f"matching {meta.pattern}")
    return " ".join(filter(None, [names[kind], " and ".join(bounds)]))


def _unwrap(hint: Any) -> tuple[Any, Meta | None]:
    if get_origin(hint) is Annotated:
        plain, *extras = get_args(hint)
        return plain, next((extra for extra in extras if isinstance(extra, Meta)), None)
    return hint, None


def _default_of(info: structs.FieldInfo) -> Any:
    if info.default is not msgspec.NODEFAULT:
        return info.default
    if info.default_factory is not msgspec.NODEFAULT:
        return info.default_factory()
    return msgspec.NODEFAULT


def _with_defaults(config: type[Struct], nested: Mapping[str, Any]) -> dict[str, Any]:
    """`nested` over the defaults this very config declares (a nested field's own may differ)."""
    merged: dict[str, Any] = {}
    hints = get_type_hints(config, include_extras=True)
    for info in structs.fields(config):
        plain, _ = _unwrap(hints[info.name])
        default = _default_of(info)
        below = nested.get(info.name, {})
        if isinstance(plain, type) and issubclass(plain, Struct):
            base = {} if default is msgspec.NODEFAULT else msgspec.to_builtins(default)
            merged[info.name] = _merge(base, below)
        elif info.name in nested:
            merged[info.name] = below
    return merged


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        deeper = isinstance(value, Mapping) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if deeper else value
    return merged


def _flatten(
    values: Mapping[str, Any], leaves: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and path not in leaves:
            yield from _flatten(value, leaves, f"{path}.")
        else:
            yield path, value


def _read(value: Any, hint: Any, optional: bool) -> Any:
    if optional and isinstance(value, str) and value.lower() in ("none", "null"):
        return None
    found = msgspec.to_builtins(_converted(value, hint))
    if isinstance(found, float) and not math.isfinite(found):
        raise ValueError("NaN and Inf pass bounds, or stand where there are none")
    return found


def _converted(value: Any, hint: Any) -> Any:
    if not isinstance(value, str):
        return msgspec.convert(value, hint)
    try:
        return msgspec.convert(value, hint, strict=False)
    except msgspec.ValidationError:
        return msgspec.convert(_spelt_out(value), hint)


def _spelt_out(text: str) -> Any:
    """What a text says as JSON, or as a number that people write and JSON does not: .5 or 1."""
    try:
        return msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        return float(text)


def _unknown(path: str, value: Any, leaves: Mapping[str, Any]) -> FieldProblem:
    close = difflib.get_close_matches(path, leaves, n=1, cutoff=0.6)
    below = [leaf for leaf in leaves if leaf.startswith(f"{path}.")]
    if below:
        return FieldProblem(path, value, "not a value but a group of " + ", ".join(below))
    hint = f"; did you mean {close[0]}?" if close else ""
    return FieldProblem(path, value, "no such key; known keys: " + ", ".join(leaves) + hint)


def _put(nested: dict[str, Any], path: str, value: Any) -> None:
    *groups, name = path.split(".")
    for group in groups:
        nested = nested.setdefault(group, {})
    nested[name] = value


def _at(values: Any, path: str) -> Any:
    for name in path.split("."):
        values = getattr(values, name)
    return msgspec.to_builtins(values)
