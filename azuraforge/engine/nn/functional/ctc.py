"""Connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from azuraforge.engine.device import Array, module_of, put
from azuraforge.engine.functions.function import function, tensor_of
from azuraforge.engine.functions.reduce import logsumexp
from azuraforge.engine.nn.functional.reduction import reduced, reduction_of
from azuraforge.engine.ops import ctc, rounding
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import DTypeError, ShapeError

__all__ = ["ctc_loss"]

Lengths = Tensor | Sequence[int]


@function("nn.functional.ctc_loss")
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Lengths,
    target_lengths: Lengths,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the chance that a target stands along an input, with blanks and repeats in between.

    The gradient takes log_probs for the result of log_softmax, as in PyTorch. The mean is over the
    losses divided by the targets' lengths; `zero_infinity` makes 0 of targets that do not fit.

    Shape:  log_probs (time, batch, classes) or (time, classes); targets (batch, length) or (sum of
            lengths,); lengths (batch,), or one number without a batch -> (), or (batch,)
    Raises: ShapeError, DTypeError, ConfigError.
    Source: Graves et al. (2006), Connectionist temporal classification.
    """
    how = reduction_of(None, None, reduction)
    if tensor_of(log_probs, "log_probs").ndim not in (2, 3):
        raise ShapeError(f"log_probs {log_probs.shape}; allowed: (time, batch, classes)")
    if tensor_of(targets, "targets").dtype.kind not in "iu":
        raise DTypeError(f"targets are {targets.dtype}; allowed: whole numbers")
    one = log_probs.ndim == 2
    x = log_probs.reshape(len(log_probs), 1, -1) if one else log_probs
    times, lengths = (_whole(given, x) for given in (input_lengths, target_lengths))
    if targets.ndim == 1:
        targets = targets.reshape(1, -1) if one else _padded(targets, lengths.data)
    total = logsumexp(x, -1, keepdim=True)
    x = x - (total - total.detach())
    losses = cast(
        Tensor,
        ctc.ctc(x, targets, times, lengths, blank=blank, zero_infinity=zero_infinity),
    )
    if how == "mean":
        shares: Tensor = losses / rounding.clamp_min(lengths, 1).to(losses.dtype)
        return shares.mean()
    return losses[0] if one and how == "none" else reduced(losses, how)


def _whole(lengths: Lengths, x: Tensor) -> Tensor:
    """Lengths as an array (batch,)."""
    if isinstance(lengths, Tensor):
        if lengths.dtype.kind not in "iu":
            raise DTypeError(f"lengths are {lengths.dtype}; allowed: whole numbers")
        return lengths.reshape(-1)
    return Tensor(module_of(x.data).asarray(np.asarray(lengths, np.int64).reshape(-1)))


def _padded(targets: Tensor, lengths: Array) -> Tensor:
    """Targets that stand one behind the other, in a row each."""
    read("the lengths of targets that stand one behind the other")
    sizes, given = put(lengths, "cpu"), put(targets.data, "cpu")
    if sizes.sum() != len(given) or (sizes < 0).any():
        raise ShapeError(
            f"targets {targets.shape}, target_lengths {sizes.tolist()}; allowed: as many targets "
            "as the lengths add up to"
        )
    rows = np.zeros((len(sizes), int(sizes.max(initial=0))), given.dtype)
    rows[np.arange(rows.shape[1]) < sizes[:, None]] = given
    return Tensor(module_of(targets.data).asarray(rows))
