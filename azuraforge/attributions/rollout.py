"""Attention rollout: which places of the input each place of the last layer looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from azuraforge.attributions.inputs import several
from azuraforge.engine.device import module_of
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

Fusion = Literal["mean", "max", "min"]


def attention_rollout(
    attentions: Sequence[Any], head_fusion: Fusion = "mean", residual: float = 0.5
) -> Tensor:
    """The product of the layers' attention, the first layer last: A_n … A_2 A_1.

    A_l is (1 - residual) W_l + residual I, its rows made to add up to 1, W_l the heads' weights
    together. `residual` is the part of a place that goes past the attention.

    Shape:  each (batch, heads, time, time), or (batch, time, time) -> (batch, time, time)
    Raises: ShapeError, ConfigError.
    Source: Abnar and Zuidema (2020), Quantifying attention flow in transformers.
    """
    if head_fusion not in ("mean", "max", "min") or not 0 <= residual <= 1:
        raise ConfigError(
            f"attention_rollout: head_fusion {head_fusion!r}, residual {residual}; allowed: mean, "
            "max or min, and 0 to 1"
        )
    layers = several(list(attentions), "attention_rollout")
    rolled = None
    for w in layers:
        if w.ndim not in (3, 4) or w.shape[-1] != w.shape[-2] or w.shape[-1] != layers[0].shape[-1]:
            raise ShapeError(
                f"attention_rollout: weights of {w.shape}; allowed: (batch, heads, time, time), "
                "the same time in every layer"
            )
        fused = getattr(w, head_fusion)(1) if w.ndim == 4 else w
        mixed = (1 - residual) * fused + residual * module_of(w).eye(w.shape[-1], dtype=w.dtype)
        mixed = mixed / mixed.sum(-1, keepdims=True)
        rolled = mixed if rolled is None else mixed @ rolled
    return Tensor(rolled)
