"""Losses for classes that are rare: focal, which looks at hard examples, and dice, at overlap."""

from __future__ import annotations

from azuraforge.engine.functions.function import function
from azuraforge.engine.nn.functional.loss import binary_cross_entropy_with_logits
from azuraforge.engine.nn.functional.reduction import check_alike, reduced, reduction_of
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = ["dice_loss", "sigmoid_focal_loss"]


@function("nn.functional.sigmoid_focal_loss")
def sigmoid_focal_loss(
    input: Tensor,
    target: Tensor,
    alpha: float = 0.25,
    gamma: float = 2.0,
    reduction: str = "mean",
) -> Tensor:
    """-a (1 - p)^gamma log p, p being what sigmoid(x) gives the right answer.

    a is alpha where the target is 1, 1 - alpha where it is 0; below 0 alpha weighs nothing.

    Raises: ShapeError if the shapes differ.
    Source: Lin et al. (2017), Focal loss for dense object detection.
    """
    check_alike(input, target)
    how = reduction_of(None, None, reduction)
    if gamma < 0:
        raise ConfigError(f"gamma is {gamma}; allowed: 0 and above")
    p = input.sigmoid()
    wrong = p + target - p * target * 2
    losses = binary_cross_entropy_with_logits(input, target, reduction="none") * wrong**gamma
    if alpha >= 0:
        losses = losses * (target * alpha + (1 - target) * (1 - alpha))
    return reduced(losses, how)


@function("nn.functional.dice_loss")
def dice_loss(
    input: Tensor, target: Tensor, smooth: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """1 - (2 Σ x t + smooth) / (Σ x + Σ t + smooth), of shares x, for each sample and channel.

    Shape:  (batch, channels, …), equal -> (), or (batch, channels) without reduction
    Raises: ShapeError.
    Source: Milletari, Navab and Ahmadi (2016), V-Net.
    """
    check_alike(input, target)
    how = reduction_of(None, None, reduction)
    if input.ndim < 3:
        raise ShapeError(f"input {input.shape}; allowed: (batch, channels, …)")
    x, t = (given.flatten(2) for given in (input, target))
    overlap = (x * t).sum(-1) * 2 + smooth
    return reduced(1 - overlap / (x.sum(-1) + t.sum(-1) + smooth), how)
