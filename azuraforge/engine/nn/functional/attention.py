"""Attention: of one query to many keys, masked, dropped out, over heads that share keys."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import function, tensor_of
from azuraforge.engine.functions.repeat import repeat_interleave
from azuraforge.engine.nn.functional.activation import softmax
from azuraforge.engine.nn.functional.dropout import dropout
from azuraforge.engine.ops import attention, rounding
from azuraforge.engine.ops.shape import expand
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

__all__ = ["scaled_dot_product_attention"]


@function("nn.functional.scaled_dot_product_attention")
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """softmax(q kᵀ scale + mask) v, where scale is 1 / √width unless given.

    Where is_causal, query i sees keys 0 to i alone. A mask of truth values says which keys a query
    sees; one of numbers is added to the scores. What a query that sees no key gets is 0. With
    enable_gqa heads of keys and values serve as many heads of queries each as it takes.

    Shape:  query (…, time, width), key (…, keys, width), value (…, keys, outputs), attn_mask
            broadcast to (…, time, keys) -> (…, time, outputs)
    Raises: ShapeError, DTypeError, ConfigError.
    Source: Vaswani et al. (2017), Attention is all you need.
    """
    q, k, v = _alike(query, key, value, enable_gqa)
    if attn_mask is None and not dropout_p:
        attend = attention.scaled_dot_product_attention
        return cast(Tensor, attend(q, k, v, is_causal=is_causal, scale=scale))
    if is_causal and attn_mask is not None:
        raise ConfigError("attn_mask and is_causal are both given; allowed: one of them")
    if is_causal:
        xp = module_of(q.data)
        attn_mask = Tensor(xp.tri(q.shape[-2], k.shape[-2], dtype=np.bool_))
    factor = 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else scale
    weights = attention_weights((q * factor) @ k.transpose(-1, -2), attn_mask)
    return dropout(weights, dropout_p, generator=generator) @ v


def attention_weights(scores: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(scores + mask) over keys; 0 for a query that sees none of them."""
    if mask is None:
        return softmax(scores, -1)
    if mask.dtype == np.bool_:
        scores = rounding.where(mask, scores, -math.inf)
    elif mask.dtype.kind == "f":
        scores = scores + (mask if mask.dtype == scores.dtype else mask.to(scores.dtype))
    else:
        raise DTypeError(f"attn_mask is {mask.dtype}; allowed: bool, or as the query")
    is_blind = scores.amax(-1, keepdim=True) == -math.inf
    weights = softmax(rounding.where(is_blind, 0.0, scores), -1)  # of -∞ alone it would be NaN
    return cast(Tensor, rounding.where(is_blind, 0.0, weights))


def _alike(query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool) -> tuple[Tensor, ...]:
    """The three with the same axes before the last two. Raises: ShapeError, DTypeError."""
    given = {"query": query, "key": key, "value": value}
    if len({tensor_of(x, name).dtype for name, x in given.items()}) > 1:
        types = ", ".join(f"{name} {x.dtype}" for name, x in given.items())
        raise DTypeError(f"{types}; allowed: equal types")
    said = ", ".join(f"{name} {x.shape}" for name, x in given.items())
    if any(x.ndim < 2 for x in given.values()):
        raise ShapeError(f"{said}; allowed: (…, time, width), at least two axes each")
    if enable_gqa:
        key, value = (_repeated(query, x, said) for x in (key, value))
    if query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        return query, key, value
    try:
        batch = np.broadcast_shapes(*(x.shape[:-2] for x in (query, key, value)))
    except ValueError:
        raise ShapeError(
            f"{said}; allowed: axes that broadcast before the last two; enable_gqa=True lets heads "
            "of keys serve several heads of queries"
        ) from None
    return tuple(
        x if x.shape[:-2] == batch else expand(x, shape=(*batch, *x.shape[-2:]))
        for x in (query, key, value)
    )


def _repeated(query: Tensor, x: Tensor, said: str) -> Tensor:
    """Keys or values with as many heads as the queries."""
    if min(query.ndim, x.ndim) < 3 or query.shape[-3] % x.shape[-3]:
        raise ShapeError(f"{said}; allowed with enable_gqa: a multiple of their heads in the query")
    times = query.shape[-3] // x.shape[-3]
    repeated: Any = x if times == 1 else repeat_interleave(x, times, -3)
    return cast(Tensor, repeated)
