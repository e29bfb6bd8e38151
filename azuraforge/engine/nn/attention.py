"""Attention over several heads, as a module."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.nn import functional, init
from azuraforge.engine.nn.linear import Linear
from azuraforge.engine.nn.module import Module, Parameter, placed
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Heads of attention, put together.

    y = W [h₁, h₂, …], hᵢ = softmax(Qᵢ q (Kᵢ k)ᵀ / √width) Vᵢ v; `kdim` and `vdim` are the widths of
    keys and values where they are not `embed_dim`, `add_bias_kv` learns one more of each,
    `add_zero_attn` adds one that is 0. A mask of truth values says which keys are *not* seen.

    Shape:  query (time, batch, embed_dim), key (keys, batch, kdim), value (keys, batch, vdim), with
            the batch first where batch_first, or without it; key_padding_mask (batch, keys),
            attn_mask (time, keys) or (batch heads, time, keys) -> like the query, and weights
            (batch, time, keys), or (batch, heads, time, keys) without average_attn_weights
    Raises: ShapeError, DTypeError, ConfigError.
    Source: Vaswani et al. (2017), Attention is all you need.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: str | None = None,
        dtype: Any = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            raise ConfigError(
                f"MultiheadAttention: embed_dim {embed_dim}, num_heads {num_heads}; allowed: above "
                "0, and embed_dim a multiple of num_heads"
            )
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self._make_projections(generator)
        self.in_proj_bias = Parameter(np.zeros(3 * embed_dim, np.float32)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, generator=generator)
        if self.out_proj.bias is not None:
            self.out_proj.bias.data[...] = 0
        self.bias_k = self.bias_v = None
        if add_bias_kv:
            self.bias_k, self.bias_v = (
                Parameter(np.empty((1, 1, embed_dim), np.float32)) for _ in range(2)
            )
            for learned in (self.bias_k, self.bias_v):
                init.xavier_normal_(learned, generator=generator)
        placed(self, device, dtype)

    def _make_projections(self, generator: Generator | None) -> None:
        """One weight for all three where they are as wide, else one each."""
        width = self.embed_dim
        self.in_proj_weight: Parameter | None = None
        self.q_proj_weight: Parameter | None = None
        self.k_proj_weight: Parameter | None = None
        self.v_proj_weight: Parameter | None = None
        if self.kdim == self.vdim == width:
            shapes = {"in_proj_weight": (3 * width, width)}
        else:
            widths = {"q": width, "k": self.kdim, "v": self.vdim}
            shapes = {f"{name}_proj_weight": (width, n) for name, n in widths.items()}
        for name, shape in shapes.items():
            parameter = Parameter(np.empty(shape, np.float32))
            init.xavier_uniform_(parameter, generator=generator)
            setattr(self, name, parameter)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        turns = self.batch_first and query.ndim == 3
        if turns:
            query, key, value = _turned(query, key, value)
        y, weights = functional.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight,
            self.in_proj_bias, self.bias_k, self.bias_v, self.add_zero_attn, self.dropout,
            self.out_proj.weight, self.out_proj.bias, self.training, key_padding_mask, need_weights,
            attn_mask, self.in_proj_weight is None, self.q_proj_weight, self.k_proj_weight,
            self.v_proj_weight, average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return y.transpose(0, 1) if turns else y, weights

    def extra_repr(self) -> str:
        return f"embed_dim={self.embed_dim}, num_heads={self.num_heads}"


def _turned(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Time first; inputs that are one stay one, so that one product serves them."""
    if key.ndim != 3 or value.ndim != 3:
        raise ShapeError(
            f"MultiheadAttention: query {query.shape}, key {key.shape}, value {value.shape}; "
            "allowed: as many axes each"
        )
    q = query.transpose(0, 1)
    k = q if key is query else key.transpose(0, 1)
    return q, k, k if value is key else value.transpose(0, 1)
