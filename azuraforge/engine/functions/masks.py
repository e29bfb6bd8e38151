"""Elements picked by a mask, and put back."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import alias, function, tensor_of
from azuraforge.engine.functions.reshape import ravel
from azuraforge.engine.ops import index as places
from azuraforge.engine.ops import rounding
from azuraforge.engine.ops.shape import expand, getitem
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import DTypeError, ShapeError


def _mask(mask: Any) -> Tensor:
    if tensor_of(mask, "mask").dtype != np.bool_:
        raise DTypeError(f"mask is {mask.dtype}; allowed: bool")
    return mask


@function("masked_fill")
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """input, with a number where the mask holds."""
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(f"value has shape {value.shape}; allowed: a number")
    y = rounding.where(_mask(mask), value, input)
    if y.dtype.kind == "c" != input.dtype.kind:
        raise DTypeError(f"value is {value}; allowed for {input.dtype}: real numbers")
    return y if y.dtype == input.dtype else y.to(input.dtype)


@function("masked_select")
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the mask holds, in one row."""
    read("masked_select")
    shape = tuple(np.broadcast_shapes(input.shape, _mask(mask).shape))
    hits = module_of(mask.data).broadcast_to(mask.data, shape)
    return getitem(expand(input, shape=shape), index=hits)


@function("masked_scatter")
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """input, with the elements of source in order where the mask holds."""
    shape = tuple(np.broadcast_shapes(input.shape, _mask(mask).shape))
    if source.dtype != input.dtype:
        raise DTypeError(f"source {source.dtype}, input {input.dtype}; allowed: equal types")
    read("masked_scatter")
    hits = np.broadcast_to(mask.data, shape)
    count = int(hits.sum())
    if count > source.data.size:
        raise ShapeError(f"source has {source.data.size} elements; allowed: at least {count}")
    own = getitem(ravel(source), index=slice(0, count))
    return places.index_put(expand(input, shape=shape), own, index=hits)


@function("nonzero")
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The places of the elements that are not zero: in rows, or for each axis."""
    read("nonzero")
    xp = module_of(tensor_of(input).data)
    found = xp.nonzero(xp.atleast_1d(input.data))
    if as_tuple:
        return tuple(Tensor(x) for x in found)
    return Tensor(xp.stack(found, -1)[:, : input.ndim])


alias("argwhere", of="nonzero")
