"""Weighted sums of elements of an axis: what interpolation is along each axis in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Op
from azuraforge.engine.ops.sample import Sample, normal


@dataclass(frozen=True, eq=False)
class Taps:
    """For each result the places of the elements it is made of, and the weight of each.

    Shape: places, weights (results, taps)
    """

    places: np.ndarray[Any, Any]
    weights: np.ndarray[Any, Any]

    def turned(self, size: int) -> Taps:
        """For each of `size` elements the results it has a share in, and how large a share."""
        result = np.repeat(np.arange(len(self.places)), self.places.shape[1])
        element, share = self.places.reshape(-1), self.weights.reshape(-1)
        order = np.argsort(element, kind="stable")
        order = order[share[order] != 0]
        counts = np.bincount(element[order], minlength=size)
        begins = np.cumsum(counts) - counts
        column = np.arange(len(order)) - np.repeat(begins, counts)
        shape = size, max(1, int(counts.max(initial=0)))
        back = Taps(np.zeros(shape, np.int64), np.zeros(shape))
        back.places[element[order], column] = result[order]
        back.weights[element[order], column] = share[order]
        return back


FEW = 8  # taps: one after the other they are faster than all at once

TAPS = Taps(
    np.array([[0, 1], [1, 1], [2, 0], [2, 1]]),
    np.array([[0.5, 0.5], [1.0, 0.0], [-0.5, 1.5], [0.25, 0.75]]),
)

MANY = np.arange(3)[:, None] + np.arange(10), np.full((3, 10), 0.1)


def _sum(xp: Any, x: Array, y: Array, axis: int, taps: Taps) -> None:
    places, weights = xp.asarray(taps.places), xp.asarray(taps.weights, x.dtype)
    if places.shape[1] > FEW:
        seen = xp.moveaxis(xp.take(x, places, axis=axis), (axis, axis + 1), (-2, -1))
        total = xp.einsum("...ok,ok->...o", seen, weights)
        xp.copyto(y, xp.moveaxis(total, -1, axis))
        return
    behind = (1,) * (x.ndim - axis - 1)
    y[...] = 0
    for number in range(places.shape[1]):
        seen = xp.take(x, places[:, number], axis=axis)
        seen *= weights[:, number].reshape(-1, *behind)
        y += seen


resample: Op = op(  # y[i] = Σ_k weights[i, k] x[places[i, k]] along an axis
    "resample(x, *, axis, taps) -> y",
    shape=lambda x, axis, taps: (*x[:axis], len(taps.places), *x[axis + 1 :]),
    forward=_sum,
    grads={
        "x": lambda xp, g, x_shape, axis, taps: resample(
            g, axis=axis, taps=taps.turned(x_shape[axis])
        )
    },
    samples=(
        Sample(normal(2, 3), axis=1, taps=TAPS),
        Sample(normal(2, 4, 3), axis=1, taps=TAPS),
        Sample(normal(2, 12, 3), axis=1, taps=Taps(*MANY)),
    ),
)
