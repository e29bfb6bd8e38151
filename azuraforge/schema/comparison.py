"""What came of doing a run again, and of holding two runs beside each other."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

Phase = Literal[
    "parameters", "optimizer", "given", "forward", "backward", "gradients", "update", "nothing"
]


class Difference(Struct, frozen=True, kw_only=True):
    """One value by its dotted path, as it is on either side; None where there is none."""

    path: str
    one: Any
    other: Any


class EntryDifference(Struct, frozen=True, kw_only=True):
    """The first journal entry that is not the same on both sides, and what of it is not."""

    seq: int
    step: int
    event: str  # its kind; of both, where they differ: "step, epoch"
    differences: list[Difference]


class ReplayReport(Struct, frozen=True, kw_only=True):
    """A run done again from its spec and interventions, held against its journal."""

    run: str
    first_seq: int
    last_seq: int  # of those that were compared
    from_step: int  # after which the first entry compared stands
    to_step: int
    steps_done: int  # training steps that were executed, those before `from_step` included
    checkpoint: str | None  # what it began from; None: from the spec alone
    difference: EntryDifference | None  # None: identical
    provenance: list[str]  # what differs here from where the run was made


class Parting(Struct, frozen=True, kw_only=True):
    """Where within a step two runs part, found by doing that step of both again.

    `parameters`, `optimizer`: what the step began with. `given`: what came into it, a batch or
    noise. `forward`, `backward`: an op. `gradients`: as the update uses them. `nothing`: done again
    here, the step is the same in both, so that one journal holds what its spec does not give.
    """

    step: int
    phase: Phase
    layer: str | None = None  # "" is the model itself, None is outside of it: the loss
    op: str | None = None
    name: str | None = None  # of the parameter, or of the optimizer's value
    place: int | None = None  # which operand or output of the op
    one: Any = None
    other: Any = None
    steps_done: int = 0  # training steps executed for it, of both runs


class RunComparison(Struct, frozen=True, kw_only=True):
    """Two runs beside each other: how far they are the same, and where and in what they part."""

    one: str
    other: str
    events: int  # that both have in common from the start, the same
    is_identical: bool
    spec: list[Difference]
    provenance: list[str]
    entry: EntryDifference | None = None  # the first that differs, but for spec and provenance
    parting: Parting | None = None
    note: str = ""  # why there is no parting to tell, where there is none


class ParameterGradient(Struct, frozen=True, kw_only=True):
    """The gradient of one parameter in figures."""

    name: str
    shape: list[int]
    norm: float
    mean: float
    std: float
    min: float
    max: float


class LayerGradient(Struct, frozen=True, kw_only=True):
    """The gradients that a step's update used, of a layer's parameters."""

    run: str
    step: int
    layer: str
    parameters: list[ParameterGradient]
    steps_done: int  # training steps executed to know it
    checkpoint: str | None
