"""Losses of scores against classes."""

from __future__ import annotations

import math
from typing import cast

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.functions.function import function, tensor_of
from azuraforge.engine.functions.gather import gather
from azuraforge.engine.nn.functional.activation import log_softmax
from azuraforge.engine.nn.functional.linear import linear
from azuraforge.engine.nn.functional.reduction import reduced, reduction_of
from azuraforge.engine.ops import loss, rounding
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

__all__ = ["cross_entropy", "linear_cross_entropy", "nll_loss"]


@function("nn.functional.cross_entropy")
def cross_entropy(
    input: Tensor,
    target: Tensor | Array,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Negative log-likelihood of the target under softmax along the classes.

    l = (1 - label_smoothing) (logsumexp(x) - x[t]) + label_smoothing mean(logsumexp(x) - x), with
    both times the weights of the classes; -Σ p log softmax(x) for targets p that are shares. The
    mean is over the weights of the targets that are not ignored, or over the batch for shares.

    Shape:  input (batch, classes, …) or (classes,); target (batch, …) or (), whole numbers, or
            shares of the input's shape -> (), or (batch, …) without reduction
    Raises: ShapeError, DTypeError, ConfigError.
    """
    how = reduction_of(size_average, reduce, reduction)
    target = target if isinstance(target, Tensor) else Tensor(target)
    is_plain = weight is None and how == "mean" and not label_smoothing
    if is_plain and tensor_of(input).ndim == 2 and target.dtype.kind in "iu":
        return cast(Tensor, loss.cross_entropy(input, target, ignore_index=ignore_index))
    if not 0 <= label_smoothing <= 1:
        raise ConfigError(f"label_smoothing is {label_smoothing}; allowed: 0 to 1")
    axis = _class_axis(input)
    _check_weight(weight, input, input.shape[axis])
    logs = log_softmax(input, axis)
    if target.dtype.kind == "f":
        if ignore_index >= 0:
            raise ConfigError(
                f"ignore_index is {ignore_index}; allowed for targets that are shares: none"
            )
        return _of_shares(logs, target, weight, how, label_smoothing)
    return _of_classes(logs, target, weight, ignore_index, how, label_smoothing)


@function("nn.functional.nll_loss")
def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-x[t], times the weight of class t; the mean is over the weights.

    Shape:  input (batch, classes, …) or (classes,), target (batch, …) or () whole numbers
    Raises: ShapeError, DTypeError, ConfigError.
    """
    how = reduction_of(size_average, reduce, reduction)
    _check_weight(weight, input, tensor_of(input).shape[_class_axis(input)])
    return _of_classes(input, target, weight, ignore_index, how, 0.0)


@function("nn.functional.linear_cross_entropy")
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: object = None,
) -> Tensor:
    """cross_entropy of linear(input, linear_weight, linear_bias).

    `options`, by which PyTorch saves memory, change nothing here.

    Shape:  input (batch, features) or (features,), linear_weight (classes, …, features),
            linear_bias (classes, …), target as of cross_entropy
    Raises: ShapeError, DTypeError, ConfigError.
    """
    axes = tensor_of(linear_weight, "linear_weight").ndim
    if tensor_of(input).ndim not in (1, 2) or axes < 2 or (axes > 2 and input.ndim == 1):
        raise ShapeError(
            f"input {input.shape}, linear_weight {linear_weight.shape}; allowed: (batch, features) "
            "and (classes, …, features), or (features,) and (classes, features)"
        )
    *outputs, features = linear_weight.shape
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    flat = linear(input, linear_weight.reshape(-1, features), bias)
    logits = flat.reshape(*input.shape[:-1], *outputs)
    if ignore_index is not None and target.dtype.kind == "f":
        raise ConfigError(
            f"ignore_index is {ignore_index}; allowed: None, where targets are shares"
        )
    return cross_entropy(
        logits, target, weight, None, -100 if ignore_index is None else ignore_index, None,
        reduction, label_smoothing,
    )  # fmt: skip


def _class_axis(input: Tensor) -> int:
    if not tensor_of(input).ndim:
        raise ShapeError(f"input {input.shape}; allowed: (batch, classes, …), (classes,)")
    return min(1, input.ndim - 1)


def _check_weight(weight: Tensor | None, input: Tensor, classes: int) -> None:
    if weight is not None and weight.dtype != input.dtype:
        raise DTypeError(f"input {input.dtype}, weight {weight.dtype}; allowed: equal types")
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(f"weight {weight.shape}; allowed: ({classes},), one for each class")


def _of_shares(
    logs: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float
) -> Tensor:
    if target.shape != logs.shape:
        raise ShapeError(f"input {logs.shape}, target {target.shape}; allowed: shares of its shape")
    axis = _class_axis(logs)
    classes = logs.shape[axis]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    losses = -(logs * target)
    if weight is not None:
        losses = losses * weight.reshape(-1, *(1,) * (logs.ndim - axis - 1))
    total = losses.sum(axis)
    if reduction != "mean":
        return reduced(total, reduction)
    count = total.data.size
    return total.sum() / count if count else total.sum() * math.nan


def _of_classes(
    logs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    smoothing: float,
) -> Tensor:
    axis = _class_axis(logs)
    _check_target(logs, target, axis)
    counts = target != ignore_index
    places = Tensor(tape.compute(_classes, target.data, ignore_index, logs.shape[axis]))
    own = -_picked(logs, places, axis)
    if weight is not None:
        shares = gather(weight, 0, places.reshape(-1)).reshape(target.shape)  # type: ignore[arg-type]
        own = own * shares
    else:
        shares = Tensor(module_of(logs.data).ones(target.shape, logs.dtype))
    losses = rounding.where(counts, own, 0.0)
    if smoothing:
        every = logs
        if weight is not None:
            every = logs * weight.reshape(-1, *(1,) * (logs.ndim - axis - 1))
        even = rounding.where(counts, -every.sum(axis), 0.0) / logs.shape[axis]
        losses = losses * (1 - smoothing) + even * smoothing
    if reduction == "mean":
        total: Tensor = losses.sum() / rounding.where(counts, shares, 0.0).sum()
        return total
    return reduced(losses, reduction)


def _picked(logs: Tensor, places: Tensor, axis: int) -> Tensor:
    """The element of each target's class."""
    at = places.reshape(*logs.shape[:axis], 1, *logs.shape[axis + 1 :])
    picked: Tensor = gather(logs, axis, at)
    return picked.reshape(*places.shape)


def _check_target(logs: Tensor, target: Tensor, axis: int) -> None:
    """Raise DTypeError or ShapeError for targets that are no classes of these scores."""
    if tensor_of(target, "target").dtype.kind not in "iu":
        raise DTypeError(f"target is {target.dtype}; allowed: whole numbers, such as int64")
    expected = (*logs.shape[:axis], *logs.shape[axis + 1 :])
    if target.shape != expected:
        raise ShapeError(
            f"input {logs.shape}, target {target.shape}; allowed: (batch, classes, …) and "
            f"(batch, …), here {expected}"
        )


def _classes(target: Array, ignore_index: int, classes: int) -> Array:
    """The targets, 0 for those that are ignored. Raises: ShapeError for what is no class."""
    counts = target != ignore_index
    loss.check_classes(target[counts], classes)
    return module_of(target).where(counts, target, 0)
