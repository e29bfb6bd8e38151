"""Ops that pick elements by number."""

from __future__ import annotations

from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.sample import Sample, integers, normal
from azuraforge.errors import ShapeError


def _rows(xp: Any, w: Array, index: Array, y: Array) -> None:
    if index.size and (int(index.min()) < 0 or int(index.max()) >= len(w)):
        raise ShapeError(
            f"index holds {int(index.min())} to {int(index.max())}; allowed: 0 to {len(w) - 1}"
        )
    xp.take(w, index, axis=0, out=y)


def _rows_gradient(xp: Any, g: Array, index: Array, sum_w: Array) -> None:
    xp.add.at(sum_w, index.reshape(-1), g.reshape(-1, g.shape[-1]))


embedding = op(
    "embedding(w, index) -> y",
    shape=lambda w, index: (*index, w[1]),
    forward=_rows,
    grads={"w": _rows_gradient, "index": None},
    kernel="embedding",
    samples=(
        Sample(normal(5, 3), integers(5, 4)),
        Sample(normal(5, 3), integers(5, 2, 6)),
        Sample(1e4 * normal(5, 3), integers(2, 8)),
    ),
)
