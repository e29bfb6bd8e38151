"""Tensors changed in place: their memory, and what their gradient goes through from then on.

The new numbers are computed beside the old ones and then put into their place. Where that is
recorded, the op gets the old numbers in memory of their own: gradients that want them find them
there, while those of others, who kept the memory that changed, say so (versions.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.grad import versions
from azuraforge.engine.grad.autograd import Node, source
from azuraforge.engine.grad.modes import is_grad_enabled, no_grad
from azuraforge.engine.grad.views import refresh
from azuraforge.engine.ops import assign
from azuraforge.engine.ops.promotion import CATEGORIES
from azuraforge.engine.ops.shape import cast, clone, expand
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DTypeError, GradientError, ShapeError


def changed(x: Tensor, by: str, function: Callable[..., Tensor], *operands: Any) -> Tensor:
    """`x`, after what `function` gives for it and the operands was put in its place.

    Raises: GradientError for a leaf that needs a gradient, and its views, outside of no_grad();
            ShapeError and DTypeError for a result that does not fit.
    """
    is_recorded = _is_recorded(x, by, operands)
    before = _beside(x) if is_recorded else x
    result = function(before, *(before if y is x else y for y in operands))
    if result.shape != x.shape:
        raise ShapeError(f"{by}: the result {result.shape} does not fit in place, into {x.shape}")
    if result.dtype != x.dtype:
        if CATEGORIES[result.dtype.kind] > CATEGORIES[x.dtype.kind]:
            raise DTypeError(f"{by}: {x.dtype} in place cannot hold {result.dtype} results")
        result = cast(result, dtype=x.dtype)
    _write(x, by, x.data, tape.copy_to, result.data)
    if is_recorded:
        _take_past(x, result)
    return x


def assigned(x: Tensor, index: Any, value: Any) -> None:
    """x[index] = value, recorded. Raises: as `changed` does."""
    by = "__setitem__"
    is_recorded = _is_recorded(x, by, (value,))
    v = value if isinstance(value, Tensor) else _numbers(x, value)
    v = v if v.dtype == x.dtype else cast(v, dtype=x.dtype)
    assign.setitem.shapes((x.data, v.data), (index,))
    if is_recorded and x.base is not None:
        changed(x, by, lambda before: assign.setitem(before, v, index=index))
        return
    _write(x, by, _part(x.data, index), _put_at, v.data, index)
    if is_recorded:
        x.node, x.place, x.requires_grad = _written(x, v, index), 0, True


def reshaped(x: Tensor, by: str, function: Callable[..., Tensor], *operands: Any) -> Tensor:
    """`x`, which has from now on the shape that `function` gives it; the memory stays."""
    _is_recorded(x, by, ())
    before = Tensor(x.data, x.requires_grad)
    before.node, before.place, before.base = x.node, x.place, x.base
    result = function(before, *operands)
    x.data, x.node, x.place, x.base = result.data, result.node, result.place, result.base
    return x


def detached(x: Tensor) -> Tensor:
    """`x` without its past. Raises: GradientError for a view, whose past is that of its owner."""
    if x.base is not None and x.base.root.requires_grad:
        raise GradientError("detach_: this tensor is a view of another; use .detach()")
    x.node, x.place, x.requires_grad, x.base = None, 0, False, None
    return x


def _is_recorded(x: Tensor, by: str, operands: tuple[Any, ...]) -> bool:
    """Whether the change leaves a graph. Raises: GradientError, ShapeError where it cannot be."""
    repeated = [n > 1 and s == 0 for n, s in zip(x.shape, x.data.strides, strict=True)]
    if any(repeated):
        raise ShapeError(
            f"{by}: several elements of this tensor {x.shape} share memory, as expand() makes "
            "them; use .clone() first"
        )
    if not is_grad_enabled():
        return False
    root = x if x.base is None else x.base.root
    if root.requires_grad and root.node is None:
        what = "a leaf" if root is x else "a view of a leaf"
        raise GradientError(
            f"{by}: {what} that needs a gradient cannot change in place while that is recorded; "
            "change it within no_grad(), or change a copy"
        )
    tensors = (y for y in (root, x, *operands) if isinstance(y, Tensor))
    return any(y.requires_grad for y in tensors)


def _beside(x: Tensor) -> Tensor:
    """The same numbers with the same past, in other memory."""
    came_from = source(x)  # which refreshes a view
    before = Tensor(tape.compute(_copy, x.data), x.requires_grad)
    if came_from is not None:
        before.node, before.place = x.node, x.place
    return before


def _write(x: Tensor, by: str, part: Array, function: Callable[..., None], *values: Any) -> None:
    """Change part of the memory of `x`; a tape in force, and those who kept it, hear of it."""
    step = tape.current()
    if step is not None and not step.has_made(x.data):
        step.overwrites(x.data)
    tape.run(function, x.data, *values)
    versions.changed(part, by)


def _numbers(x: Tensor, value: Any) -> Tensor:
    try:
        return Tensor(module_of(x.data).asarray(value, x.dtype))
    except TypeError as error:
        raise DTypeError(f"__setitem__: {value!r} does not fit into {x.dtype}: {error}") from error


def _part(x: Array, index: Any) -> Array:
    """The part of an array that an index names, where it is a view; else all of it."""
    parts = index if isinstance(index, tuple) else (index,)
    is_view = all(type(i) in (int, slice) or i is None or i is ... for i in parts)
    is_given = any(i is ... for i in parts)
    part: Array = x[parts if is_given else (*parts, ...)] if is_view else x
    return part


def _copy(x: Array) -> Array:
    return x.copy()


def _put_at(x: Array, v: Array, index: Any) -> None:
    x[index] = v


def _take_past(x: Tensor, result: Tensor) -> None:
    """Let x, or the tensor whose memory it shows, come from where the result comes from."""
    if result.node is None and result.requires_grad:
        result = clone(result)
    if x.base is None:
        x.node, x.place, x.requires_grad = result.node, result.place, result.requires_grad
        return
    root = x.base.root
    index = np.unravel_index(x.base.places(), root.shape)
    root.node, root.place, root.requires_grad = _written(root, result, index), 0, True
    refresh(x)


def _written(x: Tensor, v: Tensor, index: Any) -> Node:
    """The node of x[index] = v, which has been done already."""
    op = assign.setitem
    sources = [source(x), source(v)]
    return Node(op, op.reference, sources, [x.data, v.data], [x.data], (index,))


def filled_with(x: Tensor, value: Any) -> Tensor:
    """What x.copy_(value) puts into x: of its shape and type, and none of value's memory."""
    if value.dtype != x.dtype:
        value = cast(value, dtype=x.dtype)
    fitting: Tensor = value if value.shape == x.shape else expand(value, shape=x.shape)
    return fitting


def copied(x: Tensor, value: Tensor) -> Tensor:
    """`x`, after the numbers of `value` were put into it."""
    return changed(x, "copy_", filled_with, value)


def drawn(x: Tensor, by: str, draw: Callable[[], Tensor]) -> Tensor:
    """`x`, after numbers that do not depend on it were put into it."""
    with no_grad():
        numbers = draw()
    return changed(x, by, lambda before: numbers)
