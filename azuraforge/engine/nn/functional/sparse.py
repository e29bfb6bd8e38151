"""Rows of tables: one for each number, or the rows of a bag put together; one-hot rows."""

from __future__ import annotations

from typing import Any, cast

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.functions.counting import one_hot
from azuraforge.engine.functions.function import function
from azuraforge.engine.functions.index import index_reduce
from azuraforge.engine.grad import versions
from azuraforge.engine.ops import index, rounding
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

__all__ = ["embedding", "embedding_bag", "one_hot"]


@function("nn.functional.embedding")
def embedding(
    input: Tensor | Array,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of `weight`.

    The row `padding_idx` gets no gradient. With `max_norm` rows that are longer, by the norm of
    norm_type, are shortened in the table first; `scale_grad_by_freq` divides a row's gradient by
    how often it is asked for. Gradients are never sparse here.

    Shape:  input (…) whole numbers, weight (rows, width) -> (…, width)
    Raises: ShapeError, DTypeError.
    """
    given = input if isinstance(input, Tensor) else Tensor(input)
    _check_table(given, weight)
    if max_norm is not None:
        _shorten(weight, given.data, max_norm, norm_type)
    y = cast(Tensor, index.embedding(weight, given))
    if scale_grad_by_freq:
        scaled = y * Tensor(tape.compute(_rarities, given.data, len(weight), y.data))
        y = y.detach() + (scaled - scaled.detach())
    if padding_idx is not None:
        row = row_of(padding_idx, len(weight))
        y = rounding.where((given != row).reshape(*given.shape, 1), y, y.detach())
    return y


@function("nn.functional.embedding_bag")
def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or largest elements of the rows of each bag; 0 for a bag of none.

    Shape:  input (bags, size), or (numbers,) with offsets (bags,), where each bag begins, and, with
            include_last_offset, where the last one ends; weight (rows, width); per_sample_weights
            like the input -> (bags, width)
    Raises: ShapeError, DTypeError, ConfigError.
    """
    _check_bags(input, offsets, mode, per_sample_weights)
    numbers = input.reshape(-1)
    rows = embedding(
        numbers, weight, padding_idx, max_norm, norm_type, mode != "max" and scale_grad_by_freq
    )
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1).to(rows.dtype)
    if offsets is None:
        count = len(input)
        starts = module_of(input.data).arange(count) * (input.shape[1] if input.ndim > 1 else 1)
    else:
        count, starts = len(offsets) - include_last_offset, offsets.data
    left_out = None if padding_idx is None else row_of(padding_idx, len(weight))
    bags = tape.compute(_bags, numbers.data, starts, count, left_out)
    if mode == "max":
        zeros = Tensor(module_of(rows.data).zeros((count + 1, rows.shape[1]), rows.dtype))
        y: Any = index_reduce(zeros, 0, Tensor(bags), rows, "amax", include_self=False)
        return cast(Tensor, y[:count])
    wide = tape.compute(_repeated, bags, rows.shape[1])
    total = index.spread(rows, wide, axis=0, shape=(count + 1, rows.shape[1]))[:count]
    if mode == "mean":
        total = total / Tensor(tape.compute(_sizes, bags, count, rows.data))
    return cast(Tensor, total)


def row_of(padding_idx: int, rows: int) -> int:
    """The row, counted from the front. Raises: ShapeError outside of the table."""
    if not -rows <= padding_idx < rows:
        raise ShapeError(f"padding_idx is {padding_idx}; allowed: {-rows} to {rows - 1}")
    return padding_idx % rows


def _check_table(input: Tensor, weight: Tensor) -> None:
    if weight.ndim != 2:
        raise ShapeError(f"weight {weight.shape}; allowed: (rows, width)")
    if input.dtype.kind not in "iu":
        raise DTypeError(f"input is {input.dtype}; allowed: whole numbers, such as int64")


def _check_bags(input: Tensor, offsets: Tensor | None, mode: str, weights: Tensor | None) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ConfigError(f"mode is {mode!r}; allowed: 'sum', 'mean', 'max'")
    if (input.ndim == 1) != (offsets is not None) or input.ndim not in (1, 2):
        given = None if offsets is None else offsets.shape
        raise ShapeError(
            f"input {input.shape}, offsets {given}; allowed: (bags, size) without offsets, "
            "(numbers,) with them"
        )
    if offsets is not None and (offsets.ndim != 1 or not len(offsets)):
        raise ShapeError(f"offsets {offsets.shape}; allowed: (bags,), at least one")
    if weights is not None and (mode != "sum" or weights.shape != input.shape):
        raise ConfigError(
            f"per_sample_weights {weights.shape} with mode {mode!r} and input {input.shape}; "
            "allowed: the shape of the input, with mode 'sum'"
        )


def _shorten(weight: Tensor, numbers: Array, max_norm: float, norm_type: float) -> None:
    """Bring the rows that are asked for to max_norm, in place."""
    versions.changed(weight.data, "embedding with max_norm")
    tape.change(_held, weight.data, numbers, max_norm, norm_type)


def _held(weight: Array, numbers: Array, max_norm: float, norm_type: float) -> None:
    xp = module_of(weight)
    rows = xp.unique(numbers)
    if rows.size and (int(rows[0]) < 0 or int(rows[-1]) >= len(weight)):
        raise ShapeError(f"input holds {rows[0]} to {rows[-1]}; allowed: 0 to {len(weight) - 1}")
    sizes = xp.linalg.norm(weight[rows], norm_type, axis=1, keepdims=True)
    weight[rows] *= xp.where(sizes > max_norm, max_norm / (sizes + 1e-7), 1).astype(weight.dtype)


def _rarities(numbers: Array, rows: int, like: Array) -> Array:
    """1 / how often each number is among them. Shape: (…) -> (…, 1)"""
    counts = module_of(numbers).bincount(numbers.reshape(-1), minlength=rows)
    return (1 / counts[numbers])[..., None].astype(like.dtype)


def _bags(numbers: Array, starts: Array, count: int, left_out: int | None) -> Array:
    """The bag of each number; for what is left out, one behind the last."""
    xp = module_of(numbers)
    if starts.size and (int(starts[0]) != 0 or (xp.diff(starts) < 0).any()):
        raise ShapeError(f"offsets {starts.tolist()}; allowed: rising ones that begin with 0")
    if starts.size and int(starts[-1]) > len(numbers):
        raise ShapeError(f"offsets end at {int(starts[-1])}; allowed: up to {len(numbers)}")
    places = xp.arange(len(numbers))
    bags = xp.minimum(xp.searchsorted(starts, places, side="right") - 1, count)
    return bags if left_out is None else xp.where(numbers == left_out, count, bags)


def _repeated(bags: Array, width: int) -> Array:
    return module_of(bags).repeat(bags[:, None], width, axis=1)


def _sizes(bags: Array, count: int, like: Array) -> Array:
    """How many numbers each bag holds, at least 1. Shape: -> (bags, 1)"""
    xp = module_of(bags)
    sizes = xp.bincount(bags, minlength=count + 1)[:count]
    return xp.maximum(sizes, 1)[:, None].astype(like.dtype)
