"""What losses share: how one number is made of many, and targets that must fit."""

from __future__ import annotations

from azuraforge.engine.functions.function import tensor_of
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

REDUCTIONS = ("none", "mean", "sum")


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that PyTorch's two older arguments name, where one of them is given.

    Raises: ConfigError for a reduction that is none.
    """
    if size_average is not None or reduce is not None:
        if reduce is False:
            return "none"
        return "sum" if size_average is False else "mean"
    if reduction not in REDUCTIONS:
        raise ConfigError(f"reduction is {reduction!r}; allowed: 'none', 'mean', 'sum'")
    return reduction


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """All losses, their mean, or their sum."""
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def check_alike(input: Tensor, target: Tensor, what: str = "target") -> None:
    """Raise ShapeError unless both have one shape; DTypeError unless they are tensors."""
    if tensor_of(input).shape != tensor_of(target, what).shape:
        raise ShapeError(
            f"input {input.shape}, {what} {target.shape}; allowed: equal shapes (broadcasting one "
            "would compare numbers that do not belong together); use reshape or expand first"
        )
