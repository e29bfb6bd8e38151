"""Adam."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.kernels import kernel
from azuraforge.engine.optim.optimizer import Optimizer
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError


class Adam(Optimizer):
    """m = β₁ m + (1 - β₁) g; v = β₂ v + (1 - β₂) g²; w -= lr m̂ / (√v̂ + eps).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) at step t; weight_decay is added to g, as in PyTorch.

    Source: Kingma and Ba (2015), Adam: a method for stochastic optimization.
    """

    buffers = ("exp_avg", "exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if not all(0 <= beta < 1 for beta in betas):
            raise ConfigError(f"{type(self).__name__}: betas {betas}; allowed: 0 <= beta < 1")
        self.betas = betas
        self.eps = eps
        super().__init__(params, lr=lr, weight_decay=weight_decay)

    def prepared(self, updates: Sequence[tuple[Array, ...]]) -> Callable[[], None]:
        compiled = kernel("adam")
        if compiled is None or not compiled.accepts(updates):
            return super().prepared(updates)
        table = compiled.Table(updates)

        def update_all() -> None:
            step, scale = self._corrections()
            table.update(*self._decays(), *self.betas, step, scale, self.eps)

        return update_all

    def _corrections(self) -> tuple[float, float]:
        """(step, scale) at this step: lr m̂ = step m, √v̂ = √v / scale."""
        beta1, beta2 = self.betas
        return self.lr / (1 - beta1**self.step_count), math.sqrt(1 - beta2**self.step_count)

    def _decays(self) -> tuple[float, float]:
        """What `decay` does: the factor of w, and of w in the gradient."""
        return 1.0, self.weight_decay

    def update(self, w: Array, g: Array, *buffers: Array) -> None:
        m, v = buffers
        beta1, beta2 = self.betas
        m *= beta1
        m += (1 - beta1) * g
        v *= beta2
        v += (1 - beta2) * g * g
        step, scale = self._corrections()
        denominator = module_of(w).sqrt(v)
        denominator /= scale
        denominator += self.eps
        w -= step * m / denominator
