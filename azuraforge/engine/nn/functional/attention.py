"""Attention."""

from __future__ import annotations

from typing import cast

from azuraforge.engine.ops import attention
from azuraforge.engine.tensor import Tensor

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(q kᵀ scale) v, where scale is 1 / √width unless given.

    Where is_causal, query i sees keys 0 to i alone.

    Shape:  query (…, time, width), key (…, keys, width), value (…, keys, outputs)
            -> (…, time, outputs)
    Raises: ShapeError.
    Source: Vaswani et al. (2017), Attention is all you need.
    """
    attend = attention.scaled_dot_product_attention
    return cast(Tensor, attend(query, key, value, is_causal=is_causal, scale=scale))
