"""Ops in half precision where that is safe, per thread and task; what else would lose, in float32.

    with autocast("cuda"):
        loss = loss_of(model(x), target)
    scaler.scale(loss).backward()

Parameters stay in float32; an op casts what it is given, and gradients come back in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any

import numpy as np

from azuraforge.engine.device import array_module
from azuraforge.errors import DTypeError

# What products add up is kept wider by the hardware; sums, powers and logarithms are not.
IN_HALF = frozenset(
    """
    linear matmul bmm addmm baddbmm einsum conv2d
    convolution convolution_input rnn gru lstm scaled_dot_product_attention
    """.split()
)
IN_FULL = frozenset(
    """
    exp expm1 log log1p log2 log10 pow rsqrt sinh cosh tan acos asin sum prod cumsum cumprod mean
    var std norm logsumexp softmax log_softmax layer_norm group_norm batch_norm softplus
    cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss kl_div binary_cross_entropy
    binary_cross_entropy_with_logits
    """.split()
)


@dataclass(frozen=True)
class Mode:
    """On which device ops cast, and to which type."""

    device: str
    dtype: np.dtype[Any]

    def operand(self, op: str, x: Any) -> Any:
        """An operand as the op shall take it; float64 and whole numbers stay as they are."""
        wanted = self.dtype if op in IN_HALF else np.float32 if op in IN_FULL else None
        if wanted is None or not hasattr(x, "requires_grad") or x.device != self.device:
            return x
        return x.to(wanted) if x.dtype in (np.float16, np.float32) else x


_mode: ContextVar[Mode | None] = ContextVar("azuraforge_autocast", default=None)
current = _mode.get  # the mode in force; every op asks


@contextmanager
def using(mode: Mode | None) -> Iterator[None]:
    """Within the block, this mode is in force."""
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


class autocast(ContextDecorator):  # noqa: N801  PyTorch's name
    """Within the block, or the function, ops on the device cast what they are given.

    Raises: DTypeError for bfloat16, which NumPy and CuPy do not have.
    """

    def __init__(self, device_type: str, dtype: Any = "float16", enabled: bool = True) -> None:
        array_module(device_type)
        if str(dtype) == "bfloat16" or np.dtype(dtype) != np.float16:
            raise DTypeError(f"autocast: dtype {dtype}; allowed: float16, which arrays can have")
        self._mode = Mode(device_type, np.dtype(dtype)) if enabled else None
        self._tokens: list[Token[Mode | None]] = []

    def __enter__(self) -> None:
        self._tokens.append(_mode.set(self._mode))

    def __exit__(self, *error: object) -> None:
        _mode.reset(self._tokens.pop())
