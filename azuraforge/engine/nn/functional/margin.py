"""Losses that ask for a margin between numbers."""

from __future__ import annotations

from collections.abc import Callable

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.functions.function import function, tensor_of
from azuraforge.engine.functions.gather import gather
from azuraforge.engine.nn.functional.activation import logsigmoid
from azuraforge.engine.nn.functional.distance import pairwise_distance
from azuraforge.engine.nn.functional.reduction import check_alike, reduced, reduction_of
from azuraforge.engine.ops import exponential, rounding
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


@function("nn.functional.soft_margin_loss")
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-t x)), for targets 1 and -1."""
    check_alike(input, target)
    how = reduction_of(size_average, reduce, reduction)
    return reduced(exponential.logaddexp(-(target * input), 0.0), how)


@function("nn.functional.hinge_embedding_loss")
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """x where the target is 1, max(margin - x, 0) where it is -1."""
    check_alike(input, target)
    how = reduction_of(size_average, reduce, reduction)
    apart = rounding.where(target != 1, rounding.clamp_min(margin - input, 0.0), 0.0)
    return reduced(apart + rounding.where(target != -1, input, 0.0), how)


@function("nn.functional.margin_ranking_loss")
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(margin - t (x1 - x2), 0): for t = 1 the first should be larger, for -1 the second."""
    check_alike(input1, input2, "input2")
    check_alike(input1, target)
    how = reduction_of(size_average, reduce, reduction)
    return reduced(rounding.clamp_min(margin - target * (input1 - input2), 0.0), how)


@function("nn.functional.cosine_embedding_loss")
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos(x1, x2) where the target is 1, max(cos(x1, x2) - margin, 0) where it is -1.

    Shape:  inputs (batch, width) or (width,), target (batch,) or ()
    Raises: ShapeError.
    """
    check_alike(input1, input2, "input2")
    if input1.ndim not in (1, 2) or tensor_of(target, "target").shape != input1.shape[:-1]:
        raise ShapeError(
            f"inputs {input1.shape}, target {target.shape}; allowed: (batch, width) and (batch,), "
            "or (width,) and ()"
        )
    how = reduction_of(size_average, reduce, reduction)
    lengths = ((x * x).sum(-1) + 1e-12 for x in (input1, input2))
    one, other = lengths
    cosine = (input1 * input2).sum(-1) / (one * other).sqrt()
    alike = rounding.where(target == 1, 1 - cosine, 0.0)
    apart = rounding.where(target == -1, rounding.clamp_min(cosine - margin, 0.0), 0.0)
    return reduced(alike + apart, how)


@function("nn.functional.triplet_margin_loss")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(d(a, p) - d(a, n) + margin, 0), with d the p-norm of the difference.

    With `swap` the negative counts by its distance from the positive, where that is smaller.

    Shape:  anchor, positive, negative (batch, width) or (width,)
    Raises: ShapeError, ConfigError for a margin that is not above 0.
    Source: Balntas et al. (2016), Learning local feature descriptors with triplets.
    """
    how = reduction_of(size_average, reduce, reduction)
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            f"anchor {anchor.shape}, positive {positive.shape}, negative {negative.shape}; "
            "allowed: as many axes each"
        )
    return _triplet(
        anchor, positive, negative, lambda a, b: pairwise_distance(a, b, p, eps), margin, swap, how
    )


@function("nn.functional.triplet_margin_with_distance_loss")
def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with a distance of one's own. Raises: ShapeError, ConfigError."""
    check_alike(anchor, positive, "positive")
    check_alike(anchor, negative, "negative")
    how = reduction_of(None, None, reduction)
    distance = distance_function or pairwise_distance
    return _triplet(anchor, positive, negative, distance, margin, swap, how)


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    if margin <= 0:
        raise ConfigError(f"margin is {margin}; allowed: above 0")
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = rounding.clamp_max(far, distance(positive, negative))
    return reduced(rounding.clamp_min(near - far + margin, 0.0), reduction)


@function("nn.functional.multi_margin_loss")
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ max(0, margin - x[t] + x[i])^p / classes over the other classes i.

    Shape:  input (batch, classes) or (classes,), target (batch,) or (), weight (classes,)
    Raises: ShapeError, ConfigError for another p than 1 and 2.
    """
    how = reduction_of(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ConfigError(f"p is {p}; allowed: 1 and 2")
    rows, labels = _rows_of_classes(input, target)
    classes = rows.shape[1]
    if weight is not None and weight.shape != (classes,):
        raise ShapeError(f"weight {weight.shape}; allowed: ({classes},), one for each class")
    column = labels.reshape(-1, 1)
    own = gather(rows, 1, column)
    losses = rounding.clamp_min(margin - own + rows, 0.0)
    losses = losses.square() if p == 2 else losses
    if weight is not None:
        losses = losses * gather(weight, 0, labels).reshape(-1, 1)
    others = Tensor(module_of(labels.data).arange(classes)) != column
    total = rounding.where(others, losses, 0.0).sum(1) / classes
    return reduced(total if input.ndim == 2 or how != "none" else total.reshape(()), how)


def _rows_of_classes(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Input and target with an axis for the batch. Raises: ShapeError, DTypeError."""
    if tensor_of(target, "target").dtype.kind not in "iu":
        raise DTypeError(f"target is {target.dtype}; allowed: whole numbers, such as int64")
    batch = () if input.ndim < 2 else input.shape[:1]
    fits = target.shape == batch or (not batch and target.shape == (1,))
    if input.ndim not in (0, 1, 2) or not input.data.size or not fits:
        raise ShapeError(
            f"input {input.shape}, target {target.shape}; allowed: (batch, classes) and (batch,), "
            "or (classes,) and ()"
        )
    return input.reshape(*(batch or (1,)), -1), target.reshape(-1)


@function("nn.functional.multilabel_margin_loss")
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Σ max(0, 1 - x[t] + x[i]) / classes, over targets t before the first -1 and others i.

    Shape:  input, target (batch, classes) or (classes,)
    Raises: ShapeError, DTypeError.
    """
    how = reduction_of(size_average, reduce, reduction)
    check_alike(input, target)
    if input.ndim > 2 or not input.data.size:
        raise ShapeError(f"input {input.shape}; allowed: (batch, classes), (classes,)")
    if target.dtype.kind not in "iu":
        raise DTypeError(f"target is {target.dtype}; allowed: whole numbers, such as int64")
    classes = input.shape[-1] if input.ndim else 1
    rows, labels = input.reshape(-1, classes), target.reshape(-1, classes).data
    is_listed = Tensor(tape.compute(_listed, labels))
    is_target = Tensor(tape.compute(_targets, labels))
    own = gather(rows, 1, Tensor(tape.compute(_at_least_0, labels)))
    margins = 1 - own.reshape(-1, classes, 1) + rows.reshape(-1, 1, classes)
    counts = is_listed.reshape(-1, classes, 1) > is_target.reshape(-1, 1, classes)
    total = rounding.where(counts, rounding.clamp_min(margins, 0.0), 0.0).sum((1, 2)) / classes
    return reduced(total.reshape(input.shape[:-1]) if how == "none" else total, how)


def _listed(labels: Array) -> Array:
    """1 for the targets before the first -1, else 0."""
    return module_of(labels).cumprod(labels >= 0, axis=1)


def _targets(labels: Array) -> Array:
    """1 for each class that is a target, else 0. Raises: ShapeError for what is no class."""
    classes, listed = labels.shape[1], _listed(labels)
    if int(labels.max()) >= classes or int(labels.min()) < -1:
        raise ShapeError(
            f"target holds {int(labels.min())} to {int(labels.max())}; allowed: -1 to {classes - 1}"
        )
    found = module_of(labels).zeros_like(labels)
    rows, places = listed.nonzero()
    found[rows, labels[rows, places]] = 1
    return found


def _at_least_0(labels: Array) -> Array:
    return module_of(labels).maximum(labels, 0)


@function("nn.functional.multilabel_soft_margin_loss")
def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Mean over classes of -t log σ(x) - (1 - t) log σ(-x)."""
    check_alike(input, target)
    how = reduction_of(size_average, reduce, reduction)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    losses = losses if weight is None else losses * weight
    return reduced(losses.mean(-1) if input.ndim else losses, how)
