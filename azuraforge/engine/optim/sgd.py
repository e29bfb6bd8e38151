"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable

from azuraforge.engine.device import Array
from azuraforge.engine.optim.optimizer import Optimizer
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError


class SGD(Optimizer):
    """v = momentum v + g (v = g at the first step); w = w - lr v."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        *,
        weight_decay: float = 0.0,
    ) -> None:
        if not 0 <= momentum < 1:
            raise ConfigError(f"SGD: momentum {momentum}; allowed: 0 <= momentum < 1")
        self.buffers = ("momentum_buffer",) if momentum else ()
        self.momentum = momentum
        super().__init__(params, lr=lr, weight_decay=weight_decay)

    def update(self, w: Array, g: Array, *buffers: Array) -> None:
        if buffers:
            (v,) = buffers
            v *= self.momentum
            v += g
            g = v
        w -= self.lr * g
