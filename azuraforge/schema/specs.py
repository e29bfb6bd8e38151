"""What to do: the spec of a run and of a study."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

ModelName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class CheckpointPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When checkpoints are written and how many stay; the best and the last always do."""

    every_epochs: Annotated[int, Meta(ge=0)] = 1  # 0: not at the end of epochs
    every_steps: Annotated[int, Meta(ge=0)] = 0  # 0: not within epochs
    keep_last: Annotated[int, Meta(ge=1, le=10_000)] = 2


class Resources(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a Trainer is given besides its threads and its device."""

    memory_mb: Annotated[int, Meta(ge=0)] = 0  # 0: no reservation


class RunSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a run is a function of, besides the interventions made on it."""

    plugin: str
    config: dict[str, Any] = {}  # nested values or dotted paths over the plugin's defaults
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    device: Literal["cpu", "cuda"] = "cpu"
    threads: Annotated[int, Meta(ge=1, le=1024)] = 1
    model: ModelName | None = None  # registered under this name; None: as the plugin says
    study: str | None = None  # the study this run is a trial of
    plugin_version: str | None = None  # None: the one that is installed, filled in when accepted
    precision: Literal["float32", "float16"] = "float32"  # float16: mixed, with a scaled loss
    resources: Resources = Resources()
    checkpoint: CheckpointPolicy = CheckpointPolicy()
    attempts: Annotated[int, Meta(ge=1, le=100)] = (
        3  # Trainers at most, where one after another dies
    )


class Range(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="range"):
    """A numeric range to search: low <= value <= high, even in the logarithm where `log`."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


class Choice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="choice"):
    """A list of values to search."""

    values: Annotated[list[Any], Meta(min_length=1)]


class StudySpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search: trials of one run spec with values drawn from a space, keyed by dotted path."""

    base: RunSpec
    space: Annotated[dict[str, Range | Choice], Meta(min_length=1)]
    trials: Annotated[int, Meta(ge=1, le=100_000)] = 10
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    parallel: Annotated[int, Meta(ge=1, le=1024)] = 1


def spec_hash(spec: RunSpec) -> str:
    """SHA-256 of the spec in canonical JSON: equal specs, equal hash."""
    return hashlib.sha256(msgspec.json.encode(spec, order="deterministic")).hexdigest()
