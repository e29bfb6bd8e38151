"""Which ops of a call are left for an inference plan, and scales and shifts put into weights.

What no input reaches is a constant. A product or a sum with a number per channel, straight after a
linear layer or a convolution, changes its weights instead: s (W x + b) + t = (s W) x + (s b + t).
Batch normalisation in evaluation is such a scale and shift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.replay.trace import Applied

CHANNEL_AXES = {"linear": -1, "conv2d": 1}  # of the outputs of ops x, w, b -> y


def folded(
    trace: Sequence[Applied], inputs: Sequence[Array], results: Sequence[Array]
) -> tuple[list[Applied], list[Array]]:
    """The steps from the inputs to the results, and the constants that they use."""
    varying = {id(x) for x in inputs}
    steps = []
    for step in trace:
        if any(id(x) in varying for x in arrays_of(step)):
            varying.update(map(id, step.outputs))
            steps.append(step)
    steps = _merged(_needed(steps, results), results, varying)
    constants = [x for step in steps for x in arrays_of(step) if id(x) not in varying]
    return steps, constants


def _needed(steps: Sequence[Applied], results: Sequence[Array]) -> list[Applied]:
    """Those that make the results, or what makes these."""
    wanted = {id(y) for y in results}
    needed = []
    for step in reversed(steps):
        if any(id(y) in wanted for y in step.outputs):
            wanted.update(map(id, arrays_of(step)))
            needed.append(step)
    return needed[::-1]


def _merged(steps: Sequence[Applied], results: Sequence[Array], varying: set[int]) -> list[Applied]:
    """The steps with scales and shifts put into the weights before them."""
    uses: dict[int, int] = {}
    for x in (*results, *(x for step in steps for x in arrays_of(step))):
        uses[id(x)] = uses.get(id(x), 0) + 1
    merged: list[Applied] = []
    made_by: dict[int, int] = {}
    for step in steps:
        found = _scaled_or_shifted(step, varying)
        place = None if found is None else made_by.get(id(found[0]))
        if found is not None and place is not None and uses[id(found[0])] == 1:
            layer = _with(merged[place], step, found[1], varying)
            if layer is not None:
                merged[place] = layer
                made_by[id(step.outputs[0])] = place
                continue
        made_by[id(step.outputs[0])] = len(merged)
        merged.append(step)
    return merged


def _scaled_or_shifted(step: Applied, varying: set[int]) -> tuple[Array, Any] | None:
    """What a step multiplies with or adds to a constant, and the constant."""
    if step.op.name not in ("mul", "add"):
        return None
    one, other = step.inputs
    if id(one) in varying and id(other) not in varying:
        return one, other
    if id(other) in varying and id(one) not in varying:
        return other, one
    return None


def _with(layer: Applied, step: Applied, constant: Any, varying: set[int]) -> Applied | None:
    """The layer whose weights do the step as well; None where they cannot."""
    axis = CHANNEL_AXES.get(layer.op.name)
    if axis is None or any(id(w) in varying for w in layer.inputs[1:]):
        return None
    x, w, b = layer.inputs
    per_channel = _per_channel(constant, layer.outputs[0], axis)
    if per_channel is None or step.outputs[0].dtype != w.dtype:
        return None
    if step.op.name == "mul":
        rows = per_channel.reshape(-1, *(1,) * (w.ndim - 1))
        w, b = (rows * w).astype(w.dtype), (per_channel * b).astype(b.dtype)
    else:
        b = (b + per_channel).astype(b.dtype)
    return replace(layer, inputs=(x, w, b), outputs=step.outputs)


def _per_channel(constant: Any, y: Array, axis: int) -> Array | None:
    """The constant as one float64 for each channel of y; None if it is anything else."""
    array = np.asarray(constant, np.float64)
    spread = [1] * y.ndim
    spread[axis] = y.shape[axis]
    try:
        broadcast = np.broadcast_to(array, spread)
    except ValueError:
        return None
    return broadcast.reshape(-1)


def arrays_of(step: Applied) -> Iterator[Array]:
    """The arrays that a step reads."""
    return _within((step.inputs, step.attributes))


def _within(values: Iterable[Any]) -> Iterator[Array]:
    for x in values:
        if isinstance(x, tuple | list):
            yield from _within(x)
        elif isinstance(x, np.ndarray):
            yield x
