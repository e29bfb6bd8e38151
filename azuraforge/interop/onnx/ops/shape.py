"""Other shapes, parts and arrangements of the same numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError
from azuraforge.interop.onnx.converter import converter
from azuraforge.interop.onnx.values import chosen, number


@converter("Reshape")
def reshape_to(x: Tensor, *, shape: list[int], consumed_inputs: Any = None) -> Any:
    return reshape(x, np.asarray(shape))


@converter("Reshape", since=5, host="shape")
def reshape(x: Tensor, shape: Any, *, allowzero: int = 0) -> Any:
    """A size of 0 is that of x, unless `allowzero`; -1 is what is left."""
    sizes = [x.shape[i] if n == 0 and not allowzero else int(n) for i, n in enumerate(shape)]
    return az.reshape(x, *sizes)


@converter("Flatten")
def flatten(x: Tensor, *, axis: int = 1) -> Any:
    axis = axis + x.ndim if axis < 0 else axis
    return az.reshape(x, math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@converter("Squeeze")
def squeeze_axes(x: Tensor, *, axes: list[int] | None = None) -> Any:
    return squeeze(x, axes)


@converter("Squeeze", since=13, host="axes")
def squeeze(x: Tensor, axes: Any = None) -> Any:
    """Raises: ShapeError for an axis of another size than 1."""
    found = [i for i, n in enumerate(x.shape) if n == 1] if axes is None else _axes(axes, x.ndim)
    if any(x.shape[axis] != 1 for axis in found):
        raise ShapeError(f"squeeze: axes {found} of shape {x.shape}; allowed: axes of size 1")
    return az.reshape(x, *(n for i, n in enumerate(x.shape) if i not in found))


@converter("Unsqueeze")
def unsqueeze_axes(x: Tensor, *, axes: list[int]) -> Any:
    return unsqueeze(x, axes)


@converter("Unsqueeze", since=13, host="axes")
def unsqueeze(x: Tensor, axes: Any) -> Any:
    new = _axes(np.atleast_1d(axes), x.ndim + len(np.atleast_1d(axes)))
    sizes = iter(x.shape)
    return az.reshape(x, *(1 if i in new else next(sizes) for i in range(x.ndim + len(new))))


@converter("Transpose")
def transpose(x: Tensor, *, perm: list[int] | None = None) -> Any:
    return az.permute(x, *(reversed(range(x.ndim)) if perm is None else perm))


@converter("Expand", since=8, host="shape")
def expand(x: Tensor, shape: Any) -> Any:
    return az.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(int(n) for n in shape)))


@converter("Tile", since=6, host="repeats")
def tile(x: Tensor, repeats: Any) -> Any:
    return az.tile(x, tuple(int(n) for n in repeats))


@converter("Tile", host="tiles axis")
def tile_axis(x: Tensor, tiles: Any, axis: Any) -> Any:
    repeats = [1] * x.ndim
    repeats[int(number(axis))] = int(number(tiles))
    return az.tile(x, tuple(repeats))


@converter("Concat")
def concat(*xs: Tensor, axis: int = 1) -> Any:
    return az.cat(list(xs), axis)


@converter("Split")
def split_attribute(
    x: Tensor, sizes: Any = None, *, split: Any = None, axis: int = 0, _outputs: int
) -> Any:
    return split_sizes(x, sizes if split is None else split, axis=axis, _outputs=_outputs)


@converter("Split", since=13, host="split")
def split_sizes(
    x: Tensor, split: Any = None, *, axis: int = 0, num_outputs: int | None = None, _outputs: int
) -> Any:
    """Parts of these sizes, or of equal ones, of which the last may be smaller."""
    if split is None:
        count, size = num_outputs or _outputs, x.shape[axis]
        each = -(-size // count)
        split = [min(each, size - each * i) for i in range(count)]
    return tuple(az.split(x, [int(n) for n in split], axis))


@converter("Slice")
def slice_attributes(
    x: Tensor, *, starts: list[int], ends: list[int], axes: list[int] | None = None
) -> Any:
    return slice_of(x, starts, ends, axes)


@converter("Slice", since=10, host="starts ends axes steps")
def slice_of(x: Tensor, starts: Any, ends: Any, axes: Any = None, steps: Any = None) -> Any:
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        x = _sliced(x, int(start), int(end), int(axis), int(step))
    return x


def _sliced(x: Tensor, start: int, end: int, axis: int, step: int) -> Any:
    places = slice(start, end, step)
    size = x.shape[axis]
    if step < 0:  # beyond the beginning is before the first, which Python's end cannot say
        end = None if end < -size else end  # type: ignore[assignment]
        first, stop, _ = slice(start, end, step).indices(size)
        places = slice(first, None if stop < 0 else stop, step)
    return x[(*(slice(None),) * (axis % x.ndim), places)]


@converter("DepthToSpace")
def depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Any:
    n, c, h, w = x.shape
    b, kept = blocksize, c // blocksize**2
    if mode == "DCR":
        parts = az.permute(az.reshape(x, n, b, b, kept, h, w), 0, 3, 4, 1, 5, 2)
    else:
        parts = az.permute(az.reshape(x, n, kept, b, b, h, w), 0, 1, 4, 2, 5, 3)
    return az.reshape(parts, n, kept, h * b, w * b)


@converter("SpaceToDepth")
def space_to_depth(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Any:
    n, c, h, w = x.shape
    b = blocksize
    parts = az.reshape(x, n, c, h // b, b, w // b, b)
    order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
    return az.reshape(az.permute(parts, *order), n, c * b * b, h // b, w // b)


@converter("Trilu", since=14, host="k")
def trilu(x: Tensor, k: Any = None, *, upper: int = 1) -> Any:
    return (az.triu if upper else az.tril)(x, 0 if k is None else int(number(k)))


@converter("ReverseSequence", since=10, host="lengths")
def reverse_sequence(x: Tensor, lengths: Any, *, batch_axis: int = 1, time_axis: int = 0) -> Any:
    """The first `lengths` steps of each series backwards, the others as they are."""
    steps = np.arange(x.shape[time_axis])
    places = np.stack([np.where(steps < n, n - 1 - steps, steps) for n in lengths])
    places = places if batch_axis < time_axis else places.T
    sizes = [1] * x.ndim
    sizes[batch_axis], sizes[time_axis] = x.shape[batch_axis], x.shape[time_axis]
    return az.gather(x, time_axis, Tensor(np.broadcast_to(places.reshape(sizes), x.shape).copy()))


@converter("Pad")
def pad_attributes(
    x: Tensor, *, pads: Any = None, paddings: Any = None, mode: str = "constant", value: float = 0.0
) -> Any:
    return padded(x, _per_axis(paddings if pads is None else pads, None, x.ndim), mode, value)


@converter("Pad", since=11, host="pads value axes")
def pad(
    x: Tensor, pads: Any, value: Any = None, axes: Any = None, *, mode: str = "constant"
) -> Any:
    filler = 0 if value is None else number(value)
    return padded(x, _per_axis(pads, axes, x.ndim), mode, filler)


def padded(x: Tensor, pads: Sequence[tuple[int, int]], mode: str, value: Any = 0) -> Any:
    """x with so much before and after each axis; less than nothing cuts."""
    for axis, (before, after) in enumerate(pads):
        cut = slice(max(-before, 0), x.shape[axis] - max(-after, 0))
        if cut != slice(0, x.shape[axis]):
            x = x[(*(slice(None),) * axis, cut)]
        if before > 0 or after > 0:
            x = _padded_axis(x, axis, max(before, 0), max(after, 0), mode, value)
    return x


MODES = {"edge": "edge", "reflect": "reflect", "wrap": "wrap"}  # ONNX's names and NumPy's


def _padded_axis(x: Tensor, axis: int, before: int, after: int, mode: str, value: Any) -> Any:
    if mode != "constant":
        places = np.pad(np.arange(x.shape[axis]), (before, after), mode=MODES[mode])  # type: ignore[call-overload]
        return chosen(x, axis, places)
    borders = []
    for size in (before, after):
        shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
        borders.append(Tensor(np.full(shape, value, x.dtype)).to(x.device))
    return az.cat([borders[0], x, borders[1]], axis)


@converter("CenterCropPad", since=18, host="shape")
def center_crop_pad(x: Tensor, shape: Any, *, axes: list[int] | None = None) -> Any:
    pads = [(0, 0)] * x.ndim
    found = _axes(range(x.ndim) if axes is None else axes, x.ndim)
    for size, axis in zip(shape, found, strict=True):
        more = int(size) - x.shape[axis]
        before = more // 2 if more > 0 else -(-more // 2)  # of an odd number, one more at the end
        pads[axis] = before, more - before
    return padded(x, pads, "constant")


def _per_axis(pads: Any, axes: Any, ndim: int) -> list[tuple[int, int]]:
    """All that goes before, then all that goes after, as pairs for every axis."""
    found = [(0, 0)] * ndim
    half = len(pads) // 2
    for i, axis in enumerate(_axes(range(ndim) if axes is None else axes, ndim)):
        found[axis] = int(pads[i]), int(pads[half + i])
    return found


def _axes(axes: Any, ndim: int) -> list[int]:
    """Axes counted from the front. Raises: ShapeError for one out of range."""
    for axis in axes:
        if not -ndim <= axis < ndim:
            raise ShapeError(f"axis {axis} is out of range; allowed: {-ndim} to {ndim - 1}")
    return [int(axis) % ndim for axis in axes]
