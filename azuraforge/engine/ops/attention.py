"""Attention: means of values, weighted by how well keys answer queries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, normal
from azuraforge.errors import ShapeError


def _shape(q: Shape, k: Shape, v: Shape) -> tuple[Shape, Shape]:
    fits = len(q) == len(k) == len(v) >= 2 and q[:-2] == k[:-2] == v[:-2]
    if not fits or q[-1] != k[-1] or k[-2] != v[-2] or not k[-2] or not q[-1]:
        raise ShapeError(
            f"query {q}, key {k}, value {v}; allowed: (…, time, width), (…, keys, width), "
            "(…, keys, outputs), alike in the axes … before"
        )
    return (*q[:-1], v[-1]), q[:-1]


def _scores(
    xp: Any, q: Array, k: Array, is_causal: bool, scale: float | None
) -> tuple[Array, float]:
    """q kᵀ scale, -inf where a key comes after its query; and the scale."""
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = q @ k.swapaxes(-1, -2)
    scores *= factor
    if is_causal:
        later = ~xp.tri(scores.shape[-2], scores.shape[-1], dtype=bool)
        xp.copyto(scores, -xp.inf, where=later)  # 64 us for 12x4x64x64, by index 300
    return scores, factor


def _forward(
    xp: Any, q: Array, k: Array, v: Array, y: Array, _lse: Array,
    is_causal: bool, scale: float | None,
) -> None:  # fmt: skip
    scores, _ = _scores(xp, q, k, is_causal, scale)
    top = scores.max(-1, keepdims=True)
    scores -= top
    xp.exp(scores, out=scores)
    total = scores.sum(-1, keepdims=True)
    scores /= total
    xp.matmul(scores, v, out=y)
    _lse[...] = (top + xp.log(total))[..., 0]


def _gradient(
    xp: Any, g: Array, q: Array, k: Array, v: Array, y: Array, _lse: Array,
    is_causal: bool, scale: float | None, needs: Sequence[bool],
) -> tuple[Array | None, ...]:  # fmt: skip
    """The weights p are made again from the kept logsumexp; gs = p (g vᵀ - Σ g y) scale.

    Source: Dao et al. (2022), FlashAttention, appendix B.
    """
    p, factor = _scores(xp, q, k, is_causal, scale)
    p -= _lse[..., None]
    xp.exp(p, out=p)
    gv = p.swapaxes(-1, -2) @ g if needs[2] else None
    gs = g @ v.swapaxes(-1, -2)
    gs -= (g * y).sum(-1, keepdims=True)
    gs *= p
    gs *= factor
    return gs @ k, gs.swapaxes(-1, -2) @ q, gv


def _gradient_of_ops(
    xp: Any, g: Array, q: Array, k: Array, v: Array, y: Array,
    is_causal: bool, scale: float | None, needs: Sequence[bool],
) -> tuple[Array | None, ...]:  # fmt: skip
    scores, _ = _scores(xp, q, k, is_causal, scale)
    lse = xp.logsumexp(scores, axis=-1)
    return _gradient(xp, g, q, k, v, y, lse, is_causal, scale, needs)


scaled_dot_product_attention = op(
    "scaled_dot_product_attention(q, k, v, *, is_causal=False, scale=None) -> y, _lse",
    shape=_shape,
    forward=_forward,
    grads={("q", "k", "v"): _gradient},
    again={("q", "k", "v"): _gradient_of_ops},
    kernel="attention",
    samples=(
        Sample(normal(2, 3, 4), normal(2, 3, 4), normal(2, 3, 4)),
        Sample(normal(2, 2, 5, 3), normal(2, 2, 5, 3), normal(2, 2, 5, 3), is_causal=True),
        Sample(normal(4, 2), normal(3, 2), normal(3, 5), is_causal=True),  # as PyTorch aligns it
        Sample(normal(2, 3), normal(5, 3), normal(5, 1), scale=0.3),
        Sample(normal(1, 1, 1), normal(1, 1, 1), normal(1, 1, 1), is_causal=True),
        Sample(100.0 * normal(2, 3, 4), 100.0 * normal(2, 3, 4), normal(2, 3, 4), is_causal=True),
        Sample(normal(2, 4, 3), normal(2, 4, 3), 1e4 * normal(2, 4, 3), is_causal=True),
    ),
)
