"""Running reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.functions.function import (
    axis_of,
    function,
)
from azuraforge.engine.functions.reduce import Found, to_dtype
from azuraforge.engine.ops import index, scan
from azuraforge.engine.tensor import Tensor


def _running(name: str, op: Any, text: str) -> Any:
    def call(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
        x = to_dtype(input, dtype)
        axis = axis_of(dim, x.ndim)
        return op(x, axis=axis) if x.ndim else x * 1

    call.__doc__ = text
    return function(name)(call)


cumsum = _running("cumsum", scan.cumsum, "Running sums along dim.")


cumprod = _running("cumprod", scan.cumprod, "Running products along dim.")


logcumsumexp = _running("logcumsumexp", scan.logcumsumexp, "log of running sums of exp along dim.")


def _running_extreme(name: str, places: Any) -> Any:
    def call(input: Tensor, dim: int) -> Found:
        axis = axis_of(dim, input.ndim)
        if not input.ndim:
            return Found(input * 1, Tensor(np.zeros((), np.int64)))
        found = places(input, axis=axis)
        return Found(index.gather(input, found, axis=axis), found)

    call.__doc__ = "Running extremes along dim, and their places."
    return function(name)(call)


cummax = _running_extreme("cummax", scan.cummax_places)


cummin = _running_extreme("cummin", scan.cummin_places)
