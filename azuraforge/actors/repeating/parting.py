"""What in one training step is the first that two runs do not have in common."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from azuraforge.actors.repeating.seeing import Seen, digests
from azuraforge.engine.grad.trail import Mark
from azuraforge.schema.comparison import Parting, Phase

PHASES: dict[str, Phase] = {"given": "given", "forward": "forward", "gradient": "backward"}


def parting(step: int, one: Seen, other: Seen, steps_done: int) -> Parting:
    """The first difference in the order in which a step depends on what is before.

    What it begins with; what comes in, op by op forwards and backwards; the gradients that are
    used; the optimizer's state and settings; what the update makes of all that.
    """
    found = (
        _named("parameters", one.parameters, other.parameters)
        or _of_ops(one.marks, other.marks)
        or _named("gradients", digests(one.gradients), digests(other.gradients))
        or _named("optimizer", one.optimizer, other.optimizer)
        or _named("update", one.updated, other.updated)
        or {"phase": "nothing"}
    )
    return Parting(step=step, steps_done=steps_done, **found)


def _named(phase: Phase, one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any] | None:
    for name in dict.fromkeys([*one, *other]):
        if one.get(name) != other.get(name):
            layer = None if phase == "optimizer" else name.rpartition(".")[0]
            values = {"one": one.get(name), "other": other.get(name)}
            return {"phase": phase, "layer": layer, "name": name, **values}
    return None


def _of_ops(one: list[Mark], other: list[Mark]) -> dict[str, Any] | None:
    for ours, theirs in zip_longest(one, other):
        if ours == theirs:
            continue
        mark = _inner(ours, theirs)
        place = {"layer": mark.layer, "op": mark.op, "place": mark.place}
        return {"phase": PHASES[mark.kind], **place, "one": _told(ours), "other": _told(theirs)}
    return None


def _inner(one: Mark | None, other: Mark | None) -> Mark:
    """The mark to name; where the ops themselves are not the same, one that is in a layer."""
    first, second = (one or other), (other or one)
    assert first is not None
    assert second is not None
    return first if first.layer else second if second.layer else first


def _told(mark: Mark | None) -> str | None:
    """A mark in words: another op, shape or layer says more than another digest."""
    if mark is None:
        return None
    where = "outside the model" if mark.layer is None else mark.layer or "the model itself"
    return f"{mark.op} in {where}, {mark.shape}: {mark.digest}"
