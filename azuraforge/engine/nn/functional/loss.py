"""Losses of numbers against numbers."""

from __future__ import annotations

import math
import warnings
from typing import cast

import numpy as np

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.functions.function import function, tensor_of
from azuraforge.engine.nn.functional.reduction import check_alike, reduced, reduction_of
from azuraforge.engine.ops import exponential, loss, rounding
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


def _weighted(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """The losses times weights of their shape; the mean is over the weights then."""
    if weight is None:
        return reduced(losses, reduction)
    check_alike(losses, weight, "weight")
    if reduction == "mean":
        return (losses * weight).sum() / weight.sum()
    return reduced(losses * weight, reduction)


@function("nn.functional.mse_loss")
def mse_loss(
    input: Tensor,
    target: Tensor | Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The squared error.

    Shape:  input, target (batch, …), equal -> (), or as they are without reduction
    Raises: ShapeError if the shapes differ; nothing is broadcast.
    """
    how = reduction_of(size_average, reduce, reduction)
    if how == "mean" and weight is None and tensor_of(input).data.size:
        return cast(Tensor, loss.mse_loss(input, target))
    target = target if isinstance(target, Tensor) else Tensor(target)
    check_alike(input, target)
    return _weighted((input - target).square(), weight, how)


@function("nn.functional.l1_loss")
def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute error. Raises: ShapeError if the shapes differ."""
    check_alike(input, target)
    how = reduction_of(size_average, reduce, reduction)
    return _weighted((input - target).abs(), weight, how)


@function("nn.functional.smooth_l1_loss")
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """e² / (2 beta) for errors below beta, |e| - beta / 2 above.

    Source: Girshick (2015), Fast R-CNN.
    """
    if beta < 0:
        raise ConfigError(f"beta is {beta}; allowed: 0 and above")
    check_alike(input, target)
    how, e = reduction_of(size_average, reduce, reduction), (input - target).abs()
    if beta == 0:
        return reduced(e, how)
    return reduced(rounding.where(e < beta, e.square() * (0.5 / beta), e - 0.5 * beta), how)


@function("nn.functional.huber_loss")
def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """e² / 2 for errors up to delta, delta (|e| - delta / 2) above.

    Source: Huber (1964), Robust estimation of a location parameter.
    """
    if delta <= 0:
        raise ConfigError(f"delta is {delta}; allowed: above 0")
    check_alike(input, target)
    e = (input - target).abs()
    losses = rounding.where(e <= delta, e.square() * 0.5, (e - 0.5 * delta) * delta)
    return _weighted(losses, weight, reduction_of(None, None, reduction))


@function("nn.functional.binary_cross_entropy")
def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-t log x - (1 - t) log(1 - x), the logarithms held at -100 from below.

    Raises: ShapeError if the shapes differ; ConfigError for an input outside 0 to 1.
    """
    check_alike(input, target)
    how = reduction_of(size_average, reduce, reduction)
    tape.run(_check_shares, input.data)
    losses = loss.binary_cross_entropy(input, target)
    return reduced(losses if weight is None else losses * weight, how)


def _check_shares(x: Array) -> None:
    if x.size and not (float(x.min()) >= 0 and float(x.max()) <= 1):
        raise ConfigError(
            f"input holds {float(x.min()):g} to {float(x.max()):g}; allowed: 0 to 1; use "
            "binary_cross_entropy_with_logits for numbers before sigmoid"
        )


@function("nn.functional.binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """binary_cross_entropy of sigmoid(x); the part of the target is scaled by pos_weight.

    l = (1 - t) x + (1 + (pos_weight - 1) t) log(1 + exp(-x))
    """
    check_alike(input, target)
    how = reduction_of(size_average, reduce, reduction)
    rest = exponential.logaddexp(-input, 0.0)
    if pos_weight is not None:
        rest = rest * (target * (pos_weight - 1) + 1)
    losses = input * (1 - target) + rest
    return reduced(losses if weight is None else losses * weight, how)


@function("nn.functional.kl_div")
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """t (log t - x), of logarithms x; "batchmean" is the sum over the size of axis 0.

    Raises: ShapeError if the shapes differ.
    Source: Kullback and Leibler (1951), On information and sufficiency.
    """
    check_alike(input, target)
    losses = (
        target.exp() * (target - input)
        if log_target
        else exponential.xlogy(target, target) - target * input
    )
    if reduction == "batchmean" and size_average is None and reduce is None:
        return losses.sum() / (len(input) if input.ndim else 1)
    return reduced(losses, reduction_of(size_average, reduce, reduction))


@function("nn.functional.poisson_nll_loss")
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-log of the Poisson distribution of rate x, or exp(x) for log_input, at the target.

    `full` adds log t! by Stirling's formula, for targets above 1.
    """
    check_alike(input, target)
    how = reduction_of(size_average, reduce, reduction)
    if log_input:
        losses = input.exp() - target * input
    else:
        losses = input - target * (input + eps).log()
    if full:
        many = rounding.where(target > 1, target, 1.0)  # log 0 has no gradient
        stirling = many * many.log() - many + (many * (2 * math.pi)).log() * 0.5
        losses = losses + rounding.where(target > 1, stirling, 0.0)
    return reduced(losses, how)


@function("nn.functional.gaussian_nll_loss")
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """-log of the normal distribution of mean x and variance var at the target.

    l = (log var + (x - t)² / var) / 2; the variance is held at eps from below, which its gradient
    does not see.

    Shape:  input, target equal; var so, too, or with one axis of size 1, or without the last
    Raises: ShapeError, ConfigError for a variance below 0.
    """
    how = reduction_of(None, None, reduction)
    if eps <= 0:
        raise ConfigError(f"eps is {eps}; allowed: above 0")
    if not isinstance(var, Tensor):
        var = Tensor(module_of(input.data).full(input.shape, var, input.dtype))
    tape.run(_check_variance, var.data)
    if input.ndim and var.shape == input.shape[:-1]:
        var = var.reshape(*var.shape, 1)
    _check_spread(input, target, var)
    spread = held_from_below(var, eps)
    losses = (spread.log() + (input - target).square() / spread) * 0.5
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, how)


def _check_spread(input: Tensor, target: Tensor, var: Tensor) -> None:
    """Raise ShapeError unless all fit the input; warn of a target that is repeated."""
    apart = [n for m, n in zip(input.shape, var.shape, strict=False) if m != n]
    if var.ndim != input.ndim or apart not in ([], [1]):
        raise ShapeError(
            f"input {input.shape}, var {var.shape}; allowed: equal shapes, one axis of size 1, or "
            "without the last axis"
        )
    if np.broadcast_shapes(input.shape, tensor_of(target, "target").shape) != input.shape:
        raise ShapeError(f"input {input.shape}, target {target.shape}; allowed: equal shapes")
    if target.shape != input.shape:
        warnings.warn(
            f"gaussian_nll_loss: target {target.shape} is repeated to the input's {input.shape}; "
            "expand it first, if that is meant",
            stacklevel=4,
        )


def _check_variance(var: Array) -> None:
    if var.size and float(var.min()) < 0:
        raise ConfigError(f"var holds {float(var.min()):g}; allowed: 0 and above")


def held_from_below(x: Tensor, low: float) -> Tensor:
    """The larger of x and low, with the gradient of x everywhere."""
    raised: Tensor = rounding.clamp_min(x, low)
    return x + (raised - x).detach()
