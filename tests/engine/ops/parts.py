"""An op as a function of real tensors to real tensors, complex ones in two parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from azuraforge.engine.ops import Op
from azuraforge.engine.ops.complex import imag, joined, real
from azuraforge.engine.ops.sample import Sample
from azuraforge.engine.tensor import Tensor


def operands(sample: Sample, dtype: Any = np.float64) -> list[Any]:
    rng = np.random.default_rng(7)
    return [draw.array(rng, dtype) for draw in sample.operands]


def in_real_parts(op: Op, sample: Sample) -> tuple[Callable[..., tuple[Tensor, ...]], list[Tensor]]:
    """The function, and the operands of the sample in float64."""
    arrays = operands(sample)
    parts = [part for x in arrays for part in ((x.real, x.imag) if x.dtype.kind == "c" else (x,))]

    def call(*given: Tensor) -> tuple[Tensor, ...]:
        each = iter(given)
        xs = [joined(next(each), next(each)) if x.dtype.kind == "c" else next(each) for x in arrays]
        return _real_parts(op(*xs, **sample.attributes))

    return call, [Tensor(x.copy(), requires_grad=x.dtype.kind == "f") for x in parts]


def _real_parts(results: Any) -> tuple[Tensor, ...]:
    """Results, complex ones as two."""
    several = results if isinstance(results, tuple) else (results,)
    parts = [(real(y), imag(y)) if y.dtype.kind == "c" else (y,) for y in several]
    return tuple(part for pair in parts for part in pair)
