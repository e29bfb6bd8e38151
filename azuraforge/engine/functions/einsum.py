"""Sums of products, by Einstein's notation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from azuraforge.engine.functions.diagonal import diagonal
from azuraforge.engine.functions.function import (
    function,
)
from azuraforge.engine.functions.reduce import sum
from azuraforge.engine.ops import matmul as products
from azuraforge.engine.ops.shape import expand, permute, reshape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError


def _subscripts(equation: str, tensors: Sequence[Tensor]) -> tuple[list[list[Any]], list[Any]]:
    """The axes of each operand and of the result as labels; those of `...` are numbers."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(tensors):
        raise ShapeError(f"equation {equation!r} has {len(parts)} operands, given: {len(tensors)}")

    def labels(part: str, extra: int) -> list[Any]:
        before, dots, after = part.partition("...")
        if any(not c.isalpha() for c in before + after):
            raise ShapeError(f"equation {equation!r}: {part!r} holds more than letters and '...'")
        return [*before, *(range(-extra, 0) if dots else ()), *after]

    found = []
    for part, x in zip(parts, tensors, strict=True):
        extra = x.ndim - len(part.replace("...", ""))
        if extra < 0 or (extra and "..." not in part):
            raise ShapeError(f"equation {equation!r}: {part!r} for an operand of shape {x.shape}")
        found.append(labels(part, extra))
    most = max((len([c for c in each if isinstance(c, int)]) for each in found), default=0)
    if arrow:
        result = labels(right, most)
    else:
        every = [c for each in found for c in each if isinstance(c, str)]
        result = [*range(-most, 0), *sorted(c for c in set(every) if every.count(c) == 1)]
    unknown = [c for c in result if not any(c in each for each in found)]
    if unknown or len(set(result)) < len(result):
        raise ShapeError(f"equation {equation!r}: the result names {unknown or 'an axis twice'}")
    return found, result


def _without_repeats(x: Tensor, labels: list[Any]) -> tuple[Tensor, list[Any]]:
    """The diagonals along axes of one label."""
    labels = list(labels)
    while len(set(labels)) < len(labels):
        twice = next(c for c in labels if labels.count(c) > 1)
        i = labels.index(twice)
        j = labels.index(twice, i + 1)
        x = diagonal(x, 0, i, j)
        labels = [c for k, c in enumerate(labels) if k not in (i, j)] + [twice]
    return x, labels


def _contracted(
    a: Tensor, of_a: list[Any], b: Tensor, of_b: list[Any], kept: set[Any]
) -> tuple[Tensor, list[Any]]:
    """The product of two operands, summed over labels that nobody else has."""
    both = [c for c in of_a if c in of_b]
    batch = [c for c in both if c in kept]
    summed = [c for c in both if c not in kept]
    free_a, free_b = ([c for c in each if c not in both] for each in (of_a, of_b))
    size: dict[Any, int] = {}
    for c, n in (*zip(of_a, a.shape, strict=True), *zip(of_b, b.shape, strict=True)):
        if size.get(c, 1) not in (1, n) and n != 1:
            raise ShapeError(f"label {c!r} stands for sizes {size[c]} and {n}")
        size[c] = max(size.get(c, 1), n) if n != 0 else 0

    def arranged(x: Tensor, labels: list[Any], *groups: list[Any]) -> Tensor:
        order = [c for group in groups for c in group]
        x = permute(x, dims=tuple(labels.index(c) for c in order))
        wide = tuple(size[c] for c in order)
        x = x if x.shape == wide else expand(x, shape=wide)
        return reshape(x, shape=tuple(math.prod(size[c] for c in group) for group in groups))

    y = products.matmul(
        arranged(a, of_a, batch, free_a, summed), arranged(b, of_b, batch, summed, free_b)
    )
    labels = [*batch, *free_a, *free_b]
    return reshape(y, shape=tuple(size[c] for c in labels)), labels


@function("einsum")
def einsum(equation: str, *operands: Any) -> Tensor:
    """Products summed by Einstein's convention: "ij,jk->ik" is the product of matrices."""
    tensors = (
        list(operands[0])
        if len(operands) == 1 and isinstance(operands[0], list | tuple)
        else list(operands)
    )
    subscripts, result = _subscripts(equation, tensors)
    pairs = [_without_repeats(x, c) for x, c in zip(tensors, subscripts, strict=True)]
    x, labels = pairs[0]
    for i, (y, more) in enumerate(pairs[1:], 1):
        kept = {*result, *(c for _, each in pairs[i + 1 :] for c in each)}
        x, labels = _summed(x, labels, {*kept, *more})
        y, more = _summed(y, more, {*kept, *labels})
        x, labels = _contracted(x, labels, y, more, kept)
    x, labels = _summed(x, labels, set(result))
    return permute(x, dims=tuple(labels.index(c) for c in result))


def _summed(x: Tensor, labels: list[Any], kept: set[Any]) -> tuple[Tensor, list[Any]]:
    axes = [i for i, c in enumerate(labels) if c not in kept]
    if not axes:
        return x, labels
    return sum(x, axes), [c for c in labels if c in kept]
