"""AdamW."""

from __future__ import annotations

from azuraforge.engine.optim.adam import Adam
from azuraforge.engine.optim.optimizer import Params


class AdamW(Adam):
    """Adam whose weight decay is no part of the gradient: w -= lr weight_decay w, first of all.

    Source: Loshchilov and Hutter (2019), Decoupled weight decay regularization.
    """

    is_decoupled = True

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
