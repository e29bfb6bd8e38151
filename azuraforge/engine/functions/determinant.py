"""Determinants."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from azuraforge.engine.functions.function import (
    alias,
    function,
)
from azuraforge.engine.ops import elementwise, linalg, rounding
from azuraforge.engine.tensor import Tensor


@function("linalg.det")
def det(A: Tensor) -> Tensor:
    """The determinant."""
    return linalg.det(A)


alias("det", of="linalg.det")


class SignLogDet(NamedTuple):
    """The sign of the determinant, and the logarithm of its size."""

    sign: Any
    logabsdet: Any


@function("linalg.slogdet")
def slogdet(A: Tensor) -> SignLogDet:
    """The sign of the determinant, and the logarithm of its size."""
    return SignLogDet(*linalg.slogdet(A))


alias("slogdet", of="linalg.slogdet")


@function("logdet")
def logdet(A: Tensor) -> Tensor:
    """The logarithm of the determinant; NaN where it is negative."""
    sign, y = linalg.slogdet(A)
    return rounding.where(elementwise.lt(sign.detach(), 0), math.nan, y)
