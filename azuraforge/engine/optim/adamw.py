"""AdamW."""

from __future__ import annotations

from collections.abc import Iterable

from azuraforge.engine.device import Array
from azuraforge.engine.optim.adam import Adam
from azuraforge.engine.tensor import Tensor


class AdamW(Adam):
    """Adam whose weight decay is no part of the gradient: w -= lr weight_decay w, first of all.

    Source: Loshchilov and Hutter (2019), Decoupled weight decay regularization.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def decay(self, w: Array, g: Array) -> Array:
        w *= 1 - self.lr * self.weight_decay
        return g

    def _decays(self) -> tuple[float, float]:
        return 1 - self.lr * self.weight_decay, 0.0
