"""Models that grow along one axis, and how much work a training step of each is.

Work is floating-point operations, from the shapes alone: every product forward and two as large for
its gradients, but not the gradient of the data, which nobody asks for; and Adam's update of every
weight. Norms, activations and sums are left out: they grow no faster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from benchmarks.suite.dense import mlp
from benchmarks.suite.language import gpt
from benchmarks.suite.recurrent import forecaster
from benchmarks.workload import Workload

Axis = Literal["batch", "sequence", "width", "depth"]
UPDATE = 12  # operations of Adam per weight
CLASSES, FEATURES, VOCABULARY = 10, 5, 65


@dataclass(frozen=True)
class Sizes:
    """`sequence` steps in time, or places; `depth` layers of `width`."""

    batch: int
    width: int
    depth: int
    sequence: int = 1

    def along(self, axis: Axis, size: int) -> Sizes:
        """These, but for one."""
        change: dict[str, Any] = {axis: size}
        return replace(self, **change)


@dataclass(frozen=True)
class Family:
    """A model of any sizes, and along which axes it grows, the others as `fixed`."""

    name: str
    workload: Callable[[Sizes], Workload]
    work: Callable[[Sizes], float]  # floating-point operations of a training step
    fixed: Sizes
    growth: Mapping[Axis, tuple[int, ...]]


def products(rows: int, weights: int, *, data: int = 0) -> float:
    """Operations of `rows` times matrices of so many weights, and of their update.

    `data` more weights meet the data: for these there is one gradient, not two.
    """
    return 2.0 * rows * (3 * weights + 2 * data) + UPDATE * (weights + data)


def mlp_work(n: Sizes) -> float:
    """Of an MLP as wide as its input."""
    square = n.width * n.width
    return products(n.batch, (n.depth - 1) * square + CLASSES * n.width, data=square)


def lstm_work(n: Sizes) -> float:
    """Of an LSTM: four gates, each of the state and of the layer below."""
    square = 4 * n.width * n.width
    return products(
        n.batch * n.sequence, (2 * n.depth - 1) * square, data=4 * n.width * FEATURES
    ) + products(n.batch, n.width)


def gpt_work(n: Sizes) -> float:
    """Of a GPT: twelve square matrices a block, and attention to half of all pairs of places.

    A pair takes two products forward, and back four and one that is done again.
    """
    matrices = 12 * n.depth * n.width * n.width + VOCABULARY * n.width
    pairs = n.batch * n.sequence * (n.sequence + 1) / 2
    return products(n.batch * n.sequence, matrices) + n.depth * 7 * 2 * pairs * n.width


def _mlp(n: Sizes) -> Workload:
    return mlp(n.width, n.width, CLASSES, batch=n.batch, depth=n.depth, goal=1.0)


def _lstm(n: Sizes) -> Workload:
    return forecaster(
        "LSTM",
        n.width,
        batch=n.batch,
        time=n.sequence,
        features=FEATURES,
        layers=n.depth,
        goal=1.0,
    )


def _gpt(n: Sizes) -> Workload:
    return gpt(
        n.depth,
        4,
        n.width,
        context=n.sequence,
        vocabulary=VOCABULARY,
        batch=n.batch,
        goal=1.0,
    )


FAMILIES = (
    Family(
        "MLP",
        _mlp,
        mlp_work,
        Sizes(batch=128, width=256, depth=2),
        {
            "batch": (16, 32, 64, 128, 256, 512, 1024),
            "width": (32, 64, 128, 256, 512, 1024),
            "depth": (1, 2, 4, 8, 16, 32),
        },
    ),
    Family(
        "LSTM",
        _lstm,
        lstm_work,
        Sizes(batch=32, sequence=32, width=64, depth=1),
        {
            "batch": (8, 16, 32, 64, 128, 256),
            "sequence": (8, 16, 32, 64, 128, 256),
            "width": (16, 32, 64, 128, 192, 256),
            "depth": (1, 2, 3, 4, 6, 8),
        },
    ),
    Family(
        "GPT",
        _gpt,
        gpt_work,
        Sizes(batch=4, sequence=64, width=64, depth=2),
        {
            "batch": (1, 2, 4, 8, 16, 32),
            "sequence": (32, 64, 128, 256, 512, 1024),
            "width": (32, 64, 96, 128, 192, 256),
            "depth": (1, 2, 4, 8, 16),
        },
    ),
)
