"""Functions that move elements: reshape, transpose, join, split, repeat, pad."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import (
    FUNCTIONS,
    alias,
    axes_of,
    axis_of,
    function,
    sizes_of,
    tensor_of,
)
from azuraforge.engine.functions.reduce import unsqueezed
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.promotion import common_type
from azuraforge.engine.ops.shape import cast, expand, getitem, permute
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError, DTypeError, ShapeError


@function("reshape", many="shape")
def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The elements in another shape; one size may be -1."""
    return layout.reshape(input, shape=sizes_of(shape))


@function("view")
def view(input: Tensor, *shape: Any) -> Tensor:
    """As reshape; with an element type, the elements as that type."""
    if len(shape) == 1 and not isinstance(shape[0], int | list | tuple):
        return input.to(shape[0])
    return layout.reshape(input, shape=sizes_of(shape))


@function("reshape_as")
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """The elements in the shape of another tensor."""
    return layout.reshape(input, shape=other.shape)


alias("view_as", of="reshape_as")
alias("view_copy", of="view")


@function("ravel")
def ravel(input: Tensor) -> Tensor:
    """All elements in one row."""
    return layout.reshape(input, shape=(input.data.size,))


@function("flatten")
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes start_dim to end_dim as one."""
    start, end = axis_of(start_dim, input.ndim), axis_of(end_dim, input.ndim)
    if start > end:
        raise ShapeError(f"start_dim {start_dim} comes after end_dim {end_dim}")
    if not input.ndim:
        return layout.reshape(input, shape=(1,))
    size = math.prod(input.shape[start : end + 1])
    return layout.reshape(input, shape=(*input.shape[:start], size, *input.shape[end + 1 :]))


@function("unflatten")
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One axis as several; one size may be -1."""
    axis = axis_of(dim, input.ndim)
    parts = sizes_of(tuple(sizes))
    if -1 in parts:
        known = -math.prod(parts)
        parts = tuple(input.shape[axis] // known if n == -1 else n for n in parts)
    return layout.reshape(input, shape=(*input.shape[:axis], *parts, *input.shape[axis + 1 :]))


@function("permute", many="dims")
def permuted(input: Tensor, *dims: Any) -> Tensor:
    """The axes in another order."""
    order = sizes_of(dims)
    axes = tuple(axis_of(d, input.ndim) for d in order)
    if sorted(axes) != list(range(input.ndim)):
        raise ShapeError(f"dims {order}; allowed: each of the {input.ndim} axes once")
    return permute(input, dims=axes)


@function("transpose")
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    a, b = axis_of(dim0, input.ndim), axis_of(dim1, input.ndim)
    dims = list(range(input.ndim))
    if dims:
        dims[a], dims[b] = dims[b], dims[a]
    return permute(input, dims=tuple(dims))


alias("swapaxes", "swapdims", "transpose_copy", of="transpose")
alias("permute_copy", of="permute")


@function("t")
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix."""
    if input.ndim > 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: at most 2 dimensions")
    return permute(input, dims=tuple(reversed(range(input.ndim))))


alias("t_copy", of="t")


@function("adjoint")
def adjoint(input: Tensor) -> Tensor:
    """The last two axes exchanged."""
    return transpose(input, -2, -1)


@function("movedim")
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Axes at `source` moved to `destination`; the others keep their order."""
    many = (source, destination) if isinstance(source, list | tuple) else ([source], [destination])
    froms, tos = (tuple(axis_of(d, input.ndim) for d in each) for each in many)
    if len(froms) != len(tos) or len(set(froms)) < len(froms) or len(set(tos)) < len(tos):
        raise ShapeError(f"source {source}, destination {destination}; allowed: as many, each once")
    if not input.ndim:
        return permute(input, dims=())
    dims: list[int] = [d for d in range(input.ndim) if d not in froms]
    for at, d in sorted(zip(tos, froms, strict=True)):
        dims.insert(at, d)
    return permute(input, dims=tuple(dims))


alias("moveaxis", of="movedim")


@function("squeeze")
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Without axes of size 1: all, or those named."""
    if dim is None:
        axes = tuple(range(input.ndim))
    else:
        axes = axes_of(dim, input.ndim) if dim != () else ()
    kept = tuple(n for i, n in enumerate(input.shape) if n != 1 or i not in axes)
    return layout.reshape(input, shape=kept)


alias("squeeze_copy", of="squeeze")


@function("unsqueeze")
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """With an axis of size 1 at dim."""
    return unsqueezed(input, axis_of(dim, input.ndim + 1))


alias("unsqueeze_copy", of="unsqueeze")


@function("expand", many="size")
def expanded(input: Tensor, *sizes: Any) -> Tensor:
    """Axes of size 1 repeated, without a copy; -1 keeps a size."""
    return expand(input, shape=sizes_of(sizes))


alias("broadcast_to", of="expand")
alias("expand_copy", of="expand")


@function("expand_as")
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """Repeated to the shape of another tensor."""
    return expand(input, shape=other.shape)


@function("broadcast_tensors")
def broadcast_tensors(*tensors: Any) -> list[Tensor]:
    """Tensors repeated to their common shape."""
    given = _several(tensors)
    shape = np.broadcast_shapes(*(x.shape for x in given))
    return [expand(x, shape=tuple(shape)) for x in given]


def _several(tensors: Any) -> list[Tensor]:
    """Tensors given one by one, or as one sequence."""
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tensors[0]
    if not tensors:
        raise ShapeError("there are no tensors; allowed: at least one")
    return [tensor_of(x, "tensor") for x in tensors]


def _alike(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of their common type."""
    common = common_type([x.data.reshape(-1) for x in tensors])
    return [x if x.dtype == common else x.to(common) for x in tensors]


@function("cat")
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors one after the other along dim."""
    if isinstance(tensors, Tensor):
        raise DTypeError("tensors is a Tensor; allowed: a sequence of them")
    given = _several((tensors,))
    shapes = [x.shape for x in given]
    given = [x for x in given if x.shape != (0,)] or given[:1]
    if any(not x.ndim for x in given):
        raise ShapeError(f"shapes {shapes}; allowed: at least one dimension")
    axis = axis_of(dim, given[0].ndim)
    if len({x.ndim for x in given}) > 1:
        raise ShapeError(f"shapes {shapes}; allowed: as many dimensions each")
    return layout.cat(*_alike(given), axis=axis)


alias("concat", "concatenate", of="cat")


@function("stack")
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new axis at dim."""
    given = _several((tensors,))
    return layout.stack(*_alike(given), axis=axis_of(dim, given[0].ndim + 1))


def _at_least(n: int, x: Tensor) -> Tensor:
    if x.ndim >= n:
        return x
    if n == 3 and x.ndim:
        shape = (1, x.shape[0], 1) if x.ndim == 1 else (*x.shape, 1)
        return layout.reshape(x, shape=shape)
    return layout.reshape(x, shape=(*(1,) * (n - x.ndim), *x.shape))


def _at_least_function(n: int) -> Any:
    def call(*tensors: Any) -> Any:
        if len(tensors) == 1 and isinstance(tensors[0], Tensor):
            return _at_least(n, tensors[0])
        return tuple(_at_least(n, x) for x in _several(tensors))

    call.__doc__ = f"Tensors with at least {n} dimensions."
    return function(f"atleast_{n}d")(call)


atleast_1d, atleast_2d, atleast_3d = (_at_least_function(n) for n in (1, 2, 3))


@function("hstack")
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side: along axis 1, or 0 where there is one axis."""
    given = [_at_least(1, x) for x in _several((tensors,))]
    return cat(given, 0 if given[0].ndim == 1 else 1)


@function("vstack")
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one above the other."""
    return cat([_at_least(2, x) for x in _several((tensors,))], 0)


alias("row_stack", of="vstack")


@function("dstack")
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one behind the other."""
    return cat([_at_least(3, x) for x in _several((tensors,))], 2)


@function("column_stack")
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors side by side, rows of numbers as columns."""
    given = _several((tensors,))
    return hstack([layout.reshape(x, shape=(x.data.size, 1)) if x.ndim <= 1 else x for x in given])


def _piece(x: Tensor, axis: int, begin: int, end: int) -> Tensor:
    return getitem(x, index=(*(slice(None),) * axis, slice(begin, end)))


def _cut(x: Tensor, ends: Sequence[int], axis: int) -> tuple[Tensor, ...]:
    """Pieces that end at these places."""
    begins = (0, *ends[:-1])
    return tuple(_piece(x, axis, a, max(a, b)) for a, b in zip(begins, ends, strict=True))


@function("split")
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of equal size, the last perhaps smaller; or of the sizes given."""
    axis = axis_of(dim, tensor.ndim)
    if not tensor.ndim:
        raise ShapeError("tensor has shape (); allowed: at least one dimension")
    size = tensor.shape[axis]
    if isinstance(split_size_or_sections, int):
        step = split_size_or_sections
        if step < 0 or (step == 0 and size):
            raise ShapeError(f"split_size is {step}; allowed: at least 1")
        ends = [min(size, i + step) for i in range(0, size, step or 1)] or [size]
    else:
        sections = list(split_size_or_sections)
        if sum(sections) != size or any(n < 0 for n in sections):
            raise ShapeError(f"sections {sections} of dim {dim}, whose size is {size}")
        ends = list(itertools.accumulate(sections))
    return _cut(tensor, ends, axis)


alias("unsafe_split", "split_with_sizes", "split_with_sizes_copy", of="split")


@function("chunk")
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of one size."""
    if chunks < 1:
        raise ShapeError(f"chunks is {chunks}; allowed: at least 1")
    axis = axis_of(dim, input.ndim)
    size = input.shape[axis]
    step = -(-size // chunks)
    if not step:
        return tuple(_piece(input, axis, 0, 0) for _ in range(chunks))
    return split(input, step, dim)


alias("unsafe_chunk", of="chunk")


@function("tensor_split")
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """As many pieces of almost one size; or pieces that end at the places given."""
    if not input.ndim:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    axis = axis_of(dim, input.ndim)
    size = input.shape[axis]
    given = indices_or_sections
    if isinstance(given, Tensor):
        read("tensor_split")
        given = given.data.tolist()
    if isinstance(given, int):
        if given < 1:
            raise ShapeError(f"sections is {given}; allowed: at least 1")
        each, more = divmod(size, given)
        ends = list(itertools.accumulate(each + (i < more) for i in range(given)))
    else:
        places = [slice(None, i).indices(size)[1] for i in given]
        ends = [*places, size]
    return _cut(input, ends, axis)


def _split_along(name: str, least: int, axis: int) -> Any:
    def call(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
        if input.ndim < least:
            raise ShapeError(f"input has shape {input.shape}; allowed: at least {least} dimensions")
        along = 0 if name == "hsplit" and input.ndim == 1 else axis
        parts, size = indices_or_sections, input.shape[along]
        if isinstance(parts, int) and (parts < 1 or size % parts):
            raise ShapeError(f"size {size} of dim {along} cannot be split into {parts} equal parts")
        return tensor_split(input, parts, along)

    call.__doc__ = "Equal pieces, or pieces that end at the places given."
    return function(name)(call)


hsplit = _split_along("hsplit", 1, 1)
vsplit = _split_along("vsplit", 2, 0)
dsplit = _split_along("dsplit", 3, 2)


@function("unbind")
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """What stands at each place of an axis, without it."""
    axis = axis_of(dim, input.ndim)
    if not input.ndim:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    return tuple(select(input, axis, i) for i in range(input.shape[axis]))


alias("unbind_copy", of="unbind")


@function("select")
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """What stands at one place of an axis, without it."""
    axis = axis_of(dim, input.ndim)
    if not input.ndim:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    size = input.shape[axis]
    if not -size <= index < size:
        raise ShapeError(
            f"index {index} of dim {dim} is out of range; allowed: {-size} to {size - 1}"
        )
    return getitem(input, index=(*(slice(None),) * axis, int(index)))


@function("narrow")
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` places of an axis from `start`."""
    axis = axis_of(dim, input.ndim)
    if not input.ndim:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    if isinstance(start, Tensor) and (start.ndim or start.dtype.kind not in "iu"):
        raise DTypeError(f"start is {start.dtype} {start.shape}; allowed: a whole number")
    begin = int(start.item()) if isinstance(start, Tensor) else start
    size = input.shape[axis]
    begin = begin + size if begin < 0 else begin
    if length < 0 or begin < 0 or begin + length > size:
        raise ShapeError(f"start {start}, length {length} of dim {dim}, whose size is {size}")
    return _piece(input, axis, begin, begin + length)


alias("narrow_copy", of="narrow")


@function("flip", many="dims")
def flip(input: Tensor, *dims: Any) -> Tensor:
    """The elements of axes in reverse."""
    axes = sizes_of(dims)
    return layout.flip(input, axes=axes_of(axes, input.ndim) if axes else ())


@function("fliplr")
def fliplr(input: Tensor) -> Tensor:
    """The elements of axis 1 in reverse."""
    if input.ndim < 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: at least 2 dimensions")
    return layout.flip(input, axes=(1,))


@function("flipud")
def flipud(input: Tensor) -> Tensor:
    """The elements of axis 0 in reverse."""
    if input.ndim < 1:
        raise ShapeError("input has shape (); allowed: at least one dimension")
    return layout.flip(input, axes=(0,))


@function("roll")
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """The elements moved along axes, and in again at the other end."""
    steps = shifts if isinstance(shifts, list | tuple) else (shifts,)
    if dims is None or dims in ((), []):
        if len(steps) != 1:
            raise ShapeError(f"shifts {shifts} without dims; allowed: one number, or as many dims")
        flat = layout.roll(ravel(input), shifts=tuple(steps), axes=(0,))
        return layout.reshape(flat, shape=input.shape)
    axes = dims if isinstance(dims, list | tuple) else (dims,)
    if len(axes) != len(steps):
        raise ShapeError(f"shifts {shifts}, dims {dims}; allowed: as many shifts as dims")
    if not input.ndim:
        raise ShapeError(f"dims {dims} of shape (); allowed: none")
    axes = tuple(axis_of(d, input.ndim) for d in axes)
    return layout.roll(input, shifts=tuple(steps), axes=axes)


@function("rot90")
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by k right angles in the plane of two axes."""
    if len(dims) != 2:
        raise ShapeError(f"dims {dims}; allowed: two axes")
    if input.ndim < 2:
        raise ShapeError(f"input has shape {input.shape}; allowed: at least 2 dimensions")
    a, b = (axis_of(d, input.ndim) for d in dims)
    if a == b:
        raise ShapeError(f"dims {dims} name one axis twice")
    match k % 4:
        case 1:
            return transpose(layout.flip(input, axes=(b,)), a, b)
        case 2:
            return layout.flip(input, axes=(a, b))
        case 3:
            return layout.flip(transpose(input, a, b), axes=(b,))
    return input * 1


@function("tile", many="dims")
def tile(input: Tensor, *dims: Any) -> Tensor:
    """Repeated along each axis; missing numbers are 1."""
    counts = sizes_of(dims)
    return repeat(input, (1,) * (input.ndim - len(counts)) + counts)


@function("repeat", many="repeats")
def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """Repeated along each axis, new axes in front."""
    counts = sizes_of(repeats)
    new = len(counts) - input.ndim
    if new < 0 or any(n < 0 for n in counts):
        raise ShapeError(f"repeats {counts} for shape {input.shape}; allowed: one per dimension")
    sizes = (1,) * new + input.shape
    pairs = layout.reshape(input, shape=tuple(n for size in sizes for n in (1, size)))
    wide = expand(pairs, shape=tuple(n for pair in zip(counts, sizes, strict=True) for n in pair))
    return layout.reshape(wide, shape=tuple(a * b for a, b in zip(counts, sizes, strict=True)))


@function("repeat_interleave")
def repeat_interleave(
    input: Tensor, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element of an axis repeated, all as often or each by its own number."""
    x = ravel(input) if dim is None or not input.ndim else input
    axis = 0 if dim is None else axis_of(dim, input.ndim)
    if isinstance(repeats, Tensor):
        read("repeat_interleave")
    counts = repeats.data if isinstance(repeats, Tensor) else np.asarray(repeats)
    xp = module_of(x.data)
    places = xp.repeat(xp.arange(x.shape[axis]), counts.tolist())
    return getitem(x, index=(*(slice(None),) * axis, places))


@function("unfold")
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of an axis, `step` apart, as a new last axis."""
    axis = axis_of(dimension, input.ndim)
    x = input if input.ndim else layout.reshape(input, shape=(1,))
    length = x.shape[axis]
    if size > length or size < 0 or step < 1:
        raise ShapeError(f"size {size}, step {step} of dim {dimension}, whose size is {length}")
    places = np.arange(0, length - size + 1, step)[:, None] + np.arange(size)
    y = getitem(x, index=(*(slice(None),) * axis, module_of(x.data).asarray(places)))
    y = movedim(y, axis + 1, -1)
    return y if input.ndim else layout.reshape(y, shape=(size,))


alias("unfold_copy", of="unfold")


def _pad_places(mode: str, size: int, before: int, after: int) -> Any:
    """Which element stands at each place of a padded axis."""
    at = np.arange(-before, size + after)
    if mode == "replicate":
        return np.clip(at, 0, size - 1)
    if mode == "circular":
        if before > size or after > size:
            raise ShapeError(f"padding {before}, {after} of size {size}; allowed: at most the size")
        return at % size
    if before >= size or after >= size:
        raise ShapeError(f"padding {before}, {after} of size {size}; allowed: below the size")
    return np.abs((at + size - 1) % (2 * size - 2) - (size - 1)) if size > 1 else at * 0


@function("nn.functional.pad")
def padded(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Elements before and after each axis, from the last axis on: numbers, or by `mode`.

    "reflect" mirrors at the last element, "replicate" repeats it, "circular" goes round. Negative
    numbers cut off.
    """
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ConfigError(f"mode is {mode!r}; allowed: constant, reflect, replicate, circular")
    sizes = sizes_of((tuple(pad),))
    if len(sizes) % 2 or len(sizes) > 2 * input.ndim:
        raise ShapeError(f"pad {sizes} for shape {input.shape}; allowed: two numbers per axis")
    widths = [(0, 0)] * (input.ndim - len(sizes) // 2)
    widths += [sizes[i : i + 2] for i in range(len(sizes) - 2, -1, -2)]  # type: ignore[misc]
    x = input
    cuts = tuple(
        slice(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(x.shape, widths, strict=True)
    )
    if any(n + a + b < 0 for n, (a, b) in zip(x.shape, widths, strict=True)):
        raise ShapeError(f"pad {sizes} cuts off more than shape {x.shape} has")
    if mode == "constant":
        if any(a < 0 or b < 0 for a, b in widths):
            x = getitem(x, index=cuts)
        return layout.pad(
            x, widths=tuple((max(a, 0), max(b, 0)) for a, b in widths), value=value or 0
        )
    if mode == "circular":  # what is cut off does not come round again
        x = getitem(x, index=cuts)
        widths = [(max(a, 0), max(b, 0)) for a, b in widths]
    for axis, (a, b) in enumerate(widths):
        if (a, b) != (0, 0):
            places = _pad_places(mode, x.shape[axis], max(a, 0), max(b, 0))
            places = places[max(0, -a) : len(places) - max(0, -b)]
            x = getitem(x, index=(*(slice(None),) * axis, module_of(x.data).asarray(places)))
    return x


@function("constant_pad_nd")
def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """As pad with a constant."""
    return padded(input, pad, "constant", value)


@function("meshgrid")
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Each tensor repeated along the axes of all others."""
    given = [layout.reshape(x, shape=(x.data.size,)) for x in _several(tensors)]
    if indexing not in ("ij", "xy"):
        raise ConfigError(f"indexing is {indexing!r}; allowed: 'ij', 'xy'")
    swaps = indexing == "xy" and len(given) > 1
    if swaps:
        given[:2] = given[1::-1]
    sizes = tuple(x.shape[0] for x in given)
    grids = []
    for i, x in enumerate(given):
        row = tuple(n if i == j else 1 for j, n in enumerate(sizes))
        grids.append(expand(layout.reshape(x, shape=row), shape=sizes))
    if swaps:
        grids[:2] = grids[1::-1]
    return tuple(grids)


@function("cartesian_prod")
def cartesian_prod(*tensors: Any) -> Tensor:
    """All pairs, triples, … of elements, in rows."""
    given = _several(tensors)
    if len(given) == 1:
        return given[0]
    return stack([ravel(y) for y in meshgrid(*given)], -1)


@function("combinations")
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements, in rows."""
    if input.ndim != 1:
        raise ShapeError(f"input has shape {input.shape}; allowed: one dimension")
    draw = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(draw(range(len(input)), r)), np.int64)
    if not r:
        return getitem(input, index=slice(0, 0))
    return getitem(input, index=module_of(input.data).asarray(rows.reshape(-1, r)))


@function("block_diag")
def block_diag(*tensors: Any) -> Tensor:
    """A matrix with matrices along its diagonal."""
    given = _alike([_at_least(2, x) for x in _several(tensors)])
    if any(x.ndim > 2 for x in given):
        raise ShapeError(f"shapes {[x.shape for x in given]}; allowed: at most 2 dimensions")
    width = sum(x.shape[1] for x in given)
    rows, left = [], 0
    for x in given:
        right = width - left - x.shape[1]
        rows.append(layout.pad(x, widths=((0, 0), (left, right))))
        left += x.shape[1]
    return cat(rows, 0)


@function("clone")
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy, through which gradients pass."""
    return layout.clone(tensor_of(input))


alias("contiguous", "alias_copy", of="clone")


@function("sum_to_size", many="size")
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Summed over what must have been repeated to get here from a shape."""
    shape = sizes_of(size)
    extra = input.ndim - len(shape)
    if extra < 0 or any(
        m not in (1, n) for m, n in zip(shape, input.shape[max(extra, 0) :], strict=False)
    ):
        raise ShapeError(f"size {shape} does not broadcast to {input.shape}")
    axes = (*range(extra), *(i + extra for i, n in enumerate(shape) if n == 1))
    if not axes:
        return input
    return layout.reshape(FUNCTIONS["sum"](input, axes, True), shape=shape)


@function("to")
def to(input: Tensor, *target: Any, **options: Any) -> Tensor:
    """On a device or of an element type, or like another tensor."""
    x = input
    for one in (*target, *(options.get(key) for key in ("dtype", "device"))):
        if isinstance(one, Tensor):
            x = x.to(one.dtype)
        elif one is not None and not isinstance(one, bool):
            x = x.to(one)
    return x


def _cast(name: str, dtype: str) -> None:
    def call(input: Tensor, memory_format: Any = None) -> Tensor:
        return input if input.dtype == dtype else cast(input, dtype=np.dtype(dtype))

    call.__doc__ = f"The elements as {dtype}."
    function(name)(call)


for _name, _dtype in {
    "double": "float64", "float": "float32", "half": "float16", "int": "int32", "long": "int64",
    "bool": "bool", "short": "int16", "char": "int8", "byte": "uint8",
    "cdouble": "complex128", "cfloat": "complex64",
}.items():  # fmt: skip
    _cast(_name, _dtype)
