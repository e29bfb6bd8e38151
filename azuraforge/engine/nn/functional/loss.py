"""Losses."""

from __future__ import annotations

from typing import cast

from azuraforge.engine.device import Array
from azuraforge.engine.ops import loss
from azuraforge.engine.tensor import Tensor

__all__ = ["cross_entropy", "mse_loss"]


def cross_entropy(logits: Tensor, target: Tensor | Array) -> Tensor:
    """Mean negative log-likelihood of the target classes under softmax.

    l = mean(logsumexp(x) - x[target])

    Shape:  logits (batch, classes), target (batch,) whole numbers -> ()
    Raises: ShapeError.
    """
    return cast(Tensor, loss.cross_entropy(logits, target))


def mse_loss(prediction: Tensor, target: Tensor | Array) -> Tensor:
    """Mean squared error.

    Shape:  prediction, target (batch, …), equal -> ()
    Raises: ShapeError if the shapes differ; nothing is broadcast.
    """
    return cast(Tensor, loss.mse_loss(prediction, target))
