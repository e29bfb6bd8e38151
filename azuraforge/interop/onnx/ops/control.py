"""Choices, loops and sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError
from azuraforge.interop.onnx.converter import converter
from azuraforge.interop.onnx.values import as_tensor, dtype_of, number, on_host

Body = Callable[..., list[Any]]


@converter("If", host="condition")
def choose(condition: Any, *, then_branch: Body, else_branch: Body) -> Any:
    return tuple(then_branch() if bool(condition) else else_branch())


@converter("Loop", host="count condition")
def loop(count: Any, condition: Any, *states: Any, body: Body, _outputs: int) -> Any:
    """The last states, then what each pass gave besides, stacked."""
    state, limit = list(states), None if count is None else int(number(count))
    passes: list[list[Any]] = []
    goes, i = condition is None or bool(condition), 0
    while goes and (limit is None or i < limit):
        again, *found = body(np.asarray(i), np.asarray(goes), *state)
        state, rest = found[: len(states)], found[len(states) :]
        passes.append(rest)
        goes, i = bool(on_host(again)), i + 1
    return *state, *_stacked(passes, _outputs - len(states))


@converter("Scan", since=9)
def scan(
    *inputs: Any, body: Body, num_scan_inputs: int, scan_input_axes: list[int] | None = None,
    scan_input_directions: list[int] | None = None, scan_output_axes: list[int] | None = None,
    scan_output_directions: list[int] | None = None, _outputs: int,
) -> Any:  # fmt: skip
    """The body over slices of the last inputs; the states, then what each pass gave, stacked."""
    count = len(inputs) - num_scan_inputs
    state, series = list(inputs[:count]), inputs[count:]
    axes = scan_input_axes or [0] * num_scan_inputs
    backward = scan_input_directions or [0] * num_scan_inputs
    slices = [
        list(az.unbind(x, axis))[:: -1 if turned else 1]
        for x, axis, turned in zip(series, axes, backward, strict=True)
    ]
    passes = []
    for parts in zip(*slices, strict=True):
        found = body(*state, *parts)
        state = found[:count]
        passes.append(found[count:])
    extra = _outputs - count
    turned = scan_output_directions or [0] * extra
    return *state, *_stacked(passes, extra, scan_output_axes or [0] * extra, turned)


@converter("Scan", since=8)
def scan_batch(
    lengths: Any, *inputs: Any, body: Body, num_scan_inputs: int,
    directions: list[int] | None = None, _outputs: int,
) -> Any:  # fmt: skip
    """As opset 8 has it: for each element of a batch by itself."""
    each = [
        scan(
            *(x[i] for x in inputs), body=body, num_scan_inputs=num_scan_inputs,
            scan_input_directions=directions, _outputs=_outputs,
        )
        for i in range(inputs[0].shape[0])
    ]  # fmt: skip
    return tuple(az.stack([as_tensor(x) for x in parts], 0) for parts in zip(*each, strict=True))


def _stacked(
    passes: list[list[Any]], count: int, axes: list[int] | None = None, turned: Any = None
) -> list[Any]:
    """What passes gave, along a new axis. Raises: ShapeError if there was no pass to give it."""
    if count and not passes:
        raise ShapeError("no pass was made, so that the shape of what passes give is unknown")
    found = []
    for i in range(count):
        parts = [as_tensor(each[i]) for each in passes]
        parts = parts[::-1] if turned and turned[i] else parts
        found.append(az.stack(parts, axes[i] if axes else 0))
    return found


# -------------------------------------------------------------------------------------- sequences


@converter("SequenceConstruct", since=11)
def sequence(*xs: Any) -> Any:
    return list(xs)


@converter("SequenceEmpty", since=11)
def sequence_empty(*, dtype: int = 1) -> Any:
    dtype_of(dtype)
    return []


@converter("SequenceAt", since=11, host="position")
def sequence_at(xs: list[Any], position: Any) -> Any:
    return xs[int(number(position))]


@converter("SequenceLength", since=11)
def sequence_length(xs: list[Any]) -> Any:
    return np.asarray(len(xs), np.int64)


@converter("SequenceInsert", since=11, host="position")
def sequence_insert(xs: list[Any], x: Any, position: Any = None) -> Any:
    at = len(xs) if position is None else int(number(position))
    at = at + len(xs) if at < 0 else at
    return [*xs[:at], x, *xs[at:]]


@converter("SequenceErase", since=11, host="position")
def sequence_erase(xs: list[Any], position: Any = None) -> Any:
    at = (len(xs) - 1 if position is None else int(number(position))) % len(xs)
    return [*xs[:at], *xs[at + 1 :]]


@converter("SplitToSequence", since=11, host="split")
def split_to_sequence(x: Tensor, split: Any = None, *, axis: int = 0, keepdims: int = 1) -> Any:
    """Parts of one size, of these sizes, or, where none is given, of size 1."""
    if split is None:
        parts = az.split(x, 1, axis)
        return [part if keepdims else az.squeeze(part, axis) for part in parts]
    sizes = int(number(split)) if split.ndim == 0 else [int(n) for n in split]
    return list(az.split(x, sizes, axis))


@converter("ConcatFromSequence", since=11)
def concat_from_sequence(xs: list[Any], *, axis: int, new_axis: int = 0) -> Any:
    return az.stack(xs, axis) if new_axis else az.cat(xs, axis)


@converter("SequenceMap", since=17)
def sequence_map(xs: list[Any], *others: Any, body: Body, _outputs: int) -> Any:
    """The body over the elements of sequences; a tensor among the others is given every time."""
    found = [
        body(x, *(each[i] if isinstance(each, list) else each for each in others))
        for i, x in enumerate(xs)
    ]
    return tuple([each[i] for each in found] for i in range(_outputs))
