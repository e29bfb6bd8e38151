"""Both libraries do the same: nothing is timed before that is shown."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from azuraforge.errors import AzuraForgeError

STEPS = 20


class DifferError(AzuraForgeError):
    """The two libraries do not compute the same."""


def largest_loss_difference(
    ours: Callable[[], Any], peer: Callable[[], Any], *, tolerance: float, steps: int = STEPS
) -> float:
    """The largest |ours - peer| / |peer| of the losses of that many training steps of both.

    Raises: DifferError if it is above the tolerance, or not a number.
    """
    largest = 0.0
    for step in range(1, steps + 1):
        a, b = float(ours().item()), float(peer().item())
        difference = abs(a - b) / abs(b)
        if not difference <= tolerance:  # NaN is not
            raise DifferError(
                f"step {step} of {steps}: loss {a:.7g}, the peer's {b:.7g}: they differ by "
                f"{difference:.1e} of it; allowed: {tolerance:.0e}"
            )
        largest = max(largest, difference)
    return largest


def largest_output_difference(
    ours: Callable[[], Any], peer: Callable[[], Any], *, tolerance: float
) -> float:
    """The largest difference of the outputs, as a part of the largest output.

    Raises: DifferError if it is above the tolerance, or not a number, or the shapes differ.
    """
    a, b = np.asarray(ours().numpy()), np.asarray(peer().numpy())
    if a.shape != b.shape:
        raise DifferError(f"output {a.shape}, the peer's {b.shape}")
    difference = float(abs(a - b).max() / abs(b).max())
    if math.isnan(difference) or difference > tolerance:
        raise DifferError(
            f"outputs differ by {difference:.1e} of the largest; allowed: {tolerance:.0e}"
        )
    return difference
