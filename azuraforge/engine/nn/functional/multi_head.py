"""Attention over several heads, with its projections before and after."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import function, tensor_of
from azuraforge.engine.functions.join import cat
from azuraforge.engine.nn.functional.activation import softmax
from azuraforge.engine.nn.functional.attention import scaled_dot_product_attention
from azuraforge.engine.nn.functional.dropout import dropout
from azuraforge.engine.nn.functional.linear import linear
from azuraforge.engine.ops import rounding
from azuraforge.engine.ops.shape import expand
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

__all__ = ["multi_head_attention_forward"]


@function("nn.functional.multi_head_attention_forward")
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What heads of attention find, put together, and the weights of the keys.

    A mask of truth values says here which keys are *not* seen, as in PyTorch.

    Shape:  query (time, batch, width) or (time, width), key and value (keys, batch, …) or
            (keys, …), key_padding_mask (batch, keys), attn_mask (time, keys) or
            (batch heads, time, keys) -> (time, batch, width), (batch, time, keys)
    Raises: ShapeError, DTypeError, ConfigError.
    Source: Vaswani et al. (2017), Attention is all you need.
    """
    is_batched = _check_axes(query, key, value, key_padding_mask, attn_mask)
    if is_causal and attn_mask is None:
        raise ConfigError("is_causal is a hint about attn_mask, which is None; pass the mask, too")
    if query.shape[-1] != embed_dim_to_check or embed_dim_to_check % num_heads:
        raise ShapeError(
            f"query {query.shape}, embed_dim {embed_dim_to_check}, num_heads {num_heads}; allowed: "
            "queries as wide as embed_dim, which is a multiple of num_heads"
        )
    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _separate((query, key, value), weights, in_proj_bias)
    else:
        q, k, v = _packed(query, key, value, in_proj_weight, in_proj_bias)
    if not is_batched:
        q, k, v = (x.reshape(len(x), 1, -1) for x in (q, k, v))
    keys = Keys.of(k, v, bias_k, bias_v, num_heads, static_k, static_v)
    if add_zero_attn:
        keys = keys.with_zero()
    batch, time = q.shape[1], len(q)
    sees_all_before = is_causal and key_padding_mask is None and not need_weights
    masks = None if sees_all_before else (attn_mask, key_padding_mask)
    mask = _merged(masks, (batch, num_heads, time), len(key), keys.count, q)
    heads = _heads(q, num_heads)
    share = dropout_p if training else 0.0
    found, given = _attended(heads, keys, mask, share, need_weights, sees_all_before)
    y = linear(found.permute(2, 0, 1, 3).reshape(time, batch, -1), out_proj_weight, out_proj_bias)
    if given is not None:
        given = given.mean(1) if average_attn_weights else given
        given = given if is_batched else given[0]
    return y if is_batched else y[:, 0], given


def _attended(
    q: Tensor, keys: Keys, mask: Tensor | None, p: float, need_weights: bool, is_causal: bool
) -> tuple[Tensor, Tensor | None]:
    """What the heads find, and the weights, if they are wanted."""
    if not need_weights:
        return scaled_dot_product_attention(q, keys.k, keys.v, mask, p, is_causal), None
    scores = (q * math.sqrt(1.0 / q.shape[-1])) @ keys.k.transpose(-1, -2)
    weights = dropout(softmax(scores if mask is None else scores + mask, -1), p)
    return weights @ keys.v, weights


@dataclass(frozen=True)
class Keys:
    """Keys and values of all heads. Shape: (batch, heads, keys, width)"""

    k: Tensor
    v: Tensor

    @classmethod
    def of(
        cls,
        k: Tensor,
        v: Tensor,
        bias_k: Tensor | None,
        bias_v: Tensor | None,
        heads: int,
        static_k: Tensor | None,
        static_v: Tensor | None,
    ) -> Keys:
        """Projected keys, the learned ones behind them; or those given as they are."""
        if (bias_k is None) != (bias_v is None) or (bias_k is not None and static_k is not None):
            raise ConfigError("bias_k and bias_v; allowed: both or none, and no static_k, static_v")
        batch = k.shape[1]
        if bias_k is not None and bias_v is not None:
            k, v = (
                cat([x, expand(b, shape=(1, batch, b.shape[-1]))])
                for x, b in ((k, bias_k), (v, bias_v))
            )
        split = (_heads(k, heads), _heads(v, heads))
        static = (static_k, static_v)
        return cls(
            *(
                own if given is None else given.reshape(batch, heads, *given.shape[1:])
                for own, given in zip(split, static, strict=True)
            )
        )

    @property
    def count(self) -> int:
        return self.k.shape[2]

    def with_zero(self) -> Keys:
        """With one key and value more, which are 0."""
        return Keys(*(cat([x, x[:, :, :1] * 0], 2) for x in (self.k, self.v)))


def _heads(x: Tensor, heads: int) -> Tensor:
    """(time, batch, width) -> (batch, heads, time, width / heads)"""
    time, batch, width = x.shape
    return x.reshape(time, batch, heads, width // heads).permute(1, 2, 0, 3)


def _packed(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, ...]:
    """The projections by one weight (3 width, width), in as few products as there are inputs."""
    width = query.shape[-1]
    if weight is None or key.shape[-1] != width or value.shape[-1] != width:
        raise ShapeError(
            f"query {query.shape}, key {key.shape}, value {value.shape}; allowed with one "
            "in_proj_weight: equal widths"
        )
    parts = ((query, 1), (key, 1), (value, 1))
    if query is key and key is value:
        parts = ((query, 3),)  # type: ignore[assignment]
    elif key is value:
        parts = ((query, 1), (key, 2))  # type: ignore[assignment]
    found: list[Tensor] = []
    for x, count in parts:
        begin, end = width * len(found), width * (len(found) + count)
        y = linear(x, weight[begin:end], None if bias is None else bias[begin:end])
        found += [y[..., i * width : (i + 1) * width] for i in range(count)]
    return tuple(found)


def _separate(
    inputs: tuple[Tensor, ...], weights: tuple[Tensor | None, ...], bias: Tensor | None
) -> tuple[Tensor, ...]:
    found = []
    for i, (x, weight) in enumerate(zip(inputs, weights, strict=True)):
        if weight is None:
            raise ConfigError("use_separate_proj_weight; allowed: with three projection weights")
        width = len(weight)
        found.append(linear(x, weight, None if bias is None else bias[i * width : (i + 1) * width]))
    return tuple(found)


def _merged(
    masks: tuple[Tensor | None, Tensor | None] | None,
    sizes: tuple[int, int, int],
    given: int,
    keys: int,
    like: Tensor,
) -> Tensor | None:
    """Both masks as numbers to add to scores (batch, heads, time, keys)."""
    batch, heads, time = sizes
    total: Tensor | None = None
    if masks is None:
        return None
    for mask, name in zip(masks, ("attn_mask", "key_padding_mask"), strict=True):
        if mask is None:
            continue
        allowed: list[tuple[int, ...]] = [(time, given), (batch * heads, time, given)]
        shape = (batch, heads, time, given) if mask.ndim == 3 else (1, 1, time, given)
        if name == "key_padding_mask":
            allowed, shape = [(batch, given)], (batch, 1, 1, given)
        if mask.shape not in allowed and not (name != "attn_mask" and mask.shape == (given,)):
            raise ShapeError(f"{name} {mask.shape}; allowed: {' or '.join(map(str, allowed))}")
        part = _as_numbers(mask, name, like).reshape(*shape)
        total = part if total is None else total + part
    if total is None or keys == given:
        return total
    xp = module_of(like.data)
    return cat([total, Tensor(xp.zeros((*total.shape[:-1], keys - given), like.dtype))], -1)


def _as_numbers(mask: Tensor, name: str, like: Tensor) -> Tensor:
    """-∞ for keys that are not seen, else 0; numbers as they are."""
    if tensor_of(mask, name).dtype == np.bool_:
        zero = Tensor(module_of(like.data).zeros((), like.dtype))
        return cast(Tensor, rounding.where(mask, -math.inf, zero))
    if mask.dtype.kind != "f":
        raise DTypeError(f"{name} is {mask.dtype}; allowed: bool, or numbers to add to scores")
    return mask.to(like.dtype)


def _check_axes(
    query: Tensor, key: Tensor, value: Tensor, padding: Tensor | None, mask: Tensor | None
) -> bool:
    """Whether there is an axis for the batch. Raises: ShapeError."""
    axes = {tensor_of(x).ndim for x in (query, key, value)}
    if axes not in ({2}, {3}) or key.shape[:-1] != value.shape[:-1]:
        raise ShapeError(
            f"query {query.shape}, key {key.shape}, value {value.shape}; allowed: (time, batch, "
            "width) or (time, width) each, as many keys as values"
        )
    is_batched = axes == {3}
    if is_batched and query.shape[1] != key.shape[1]:
        raise ShapeError(f"query {query.shape}, key {key.shape}; allowed: one size of axis 1")
    if padding is not None and padding.ndim != query.ndim - 1:
        raise ShapeError(f"query {query.shape}, key_padding_mask {padding.shape}")
    if mask is not None and mask.ndim not in (2, 3):
        raise ShapeError(f"attn_mask {mask.shape}; allowed: 2 or 3 axes")
    return is_batched
