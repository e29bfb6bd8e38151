"""A function done for every part of its arguments along an axis."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from azuraforge.engine.grad.tree import leaves, mapped, refilled
from azuraforge.engine.ops.shape import getitem, permute, stack
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that does func for every part of its arguments along an axis of each.

    `in_dims` says along which, None for an argument that is the same for all. It is a loop: what
    func does itself over a batch is faster. `randomness` and `chunk_size` change nothing; every
    part draws numbers of its own.

    Raises: ShapeError for axes of different sizes; ConfigError where there is no axis at all.
    """

    @wraps(func)
    def over(*args: Any, **kwargs: Any) -> Any:
        dims = in_dims if isinstance(in_dims, tuple | list) else (in_dims,) * len(args)
        if len(dims) != len(args):
            raise ConfigError(f"vmap: in_dims {in_dims} for {len(args)} arguments")
        spread = [_spread(dim, arg) for dim, arg in zip(dims, args, strict=True)]
        spread.append(_spread(0, kwargs))
        count = _count([size for _, sizes in spread for size in sizes], in_dims)
        results = []
        for i in range(count):
            *own, named = (part(i) for part, _ in spread)
            results.append(func(*own, **named))
        return _stacked(results, out_dims)

    return over


def _spread(dim: Any, arg: Any) -> tuple[Callable[[int], Any], list[int]]:
    """The part of an argument by number, and the sizes along the axes it is parted along."""
    if isinstance(dim, tuple | list | dict):
        keys = dim.keys() if isinstance(dim, dict) else range(len(dim))
        every = {key: _spread(dim[key], arg[key]) for key in keys}
        sizes = [size for _, found in every.values() for size in found]
        if isinstance(dim, dict):
            return lambda i: {key: part(i) for key, (part, _) in every.items()}, sizes
        return lambda i: type(arg)(part(i) for part, _ in every.values()), sizes
    if dim is None:
        return lambda i: arg, []
    tensors = [x for x in leaves(arg) if isinstance(x, Tensor)]
    for x in tensors:
        if not -x.ndim <= dim < x.ndim:
            raise ShapeError(f"vmap: in_dim {dim} for a tensor {x.shape}")

    def part(i: int) -> Any:
        return mapped(lambda x: _along(x, dim, i) if isinstance(x, Tensor) else x, arg)

    return part, [x.shape[dim] for x in tensors]


def _along(x: Tensor, dim: int, i: int) -> Tensor:
    part: Tensor = getitem(x, index=(slice(None),) * (dim % x.ndim) + (i,))
    return part


def _count(sizes: list[int], in_dims: Any) -> int:
    if not sizes:
        raise ConfigError(f"vmap: in_dims {in_dims} name no axis of any tensor")
    if len(set(sizes)) > 1:
        raise ShapeError(f"vmap: the axes have the sizes {sizes}; allowed: one size")
    if not sizes[0]:
        raise ShapeError("vmap: the axes have size 0, so that nothing says what func gives")
    return sizes[0]


def _stacked(results: list[Any], out_dims: Any) -> Any:
    first = results[0]
    columns = [list(column) for column in zip(*map(leaves, results), strict=True)]
    dims = out_dims if isinstance(out_dims, tuple | list) else (out_dims,) * len(columns)
    if len(dims) != len(columns):
        raise ConfigError(f"vmap: out_dims {out_dims} for {len(columns)} results")
    return refilled(first, map(_joined, columns, dims))


def _joined(parts: list[Any], dim: int | None) -> Any:
    if dim is None:
        return parts[0]
    made = stack(*parts)
    place = dim % made.ndim
    order = [*range(1, place + 1), 0, *range(place + 1, made.ndim)]
    return permute(made, dims=tuple(order)) if place else made
