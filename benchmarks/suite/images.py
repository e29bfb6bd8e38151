"""Convolutional networks over images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from benchmarks.library import Library
from benchmarks.workload import Workload


def cnn(side: int, channels: tuple[int, int], hidden: int, *, batch: int, goal: float) -> Workload:
    """PyTorch's MNIST example, but for its dropout, whose random numbers differ."""

    def model(library: Library) -> Any:
        nn, (first, second) = library.nn, channels
        return nn.Sequential(
            nn.Conv2d(1, first, 3),
            nn.ReLU(),
            nn.Conv2d(first, second, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(second * ((side - 4) // 2) ** 2, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 10),
        )

    text = f"CNN on 1x{side}x{side} (conv 1-{channels[0]}-{channels[1]} 3x3, pool, {hidden}, 10)"
    return Workload(
        name="cnn-mnist",
        text=f"{text}, batch {batch}",
        goal=goal,
        model=model,
        batch=labelled_images(batch, (1, side, side)),
        loss=lambda library, y, target: library.functional.cross_entropy(y, target),
    )


def resnet8(side: int, widths: tuple[int, int, int], *, batch: int, goal: float) -> Workload:
    """One basic block per stage, three stages; a 1x1 projection where the shape changes.

    Source: He et al. (2016), Deep residual learning for image recognition, 4.2 with n = 1.
    """

    def model(library: Library) -> Any:
        nn, (first, second, third) = library.nn, widths

        def convolved(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[Any]:
            conv = nn.Conv2d(
                inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False
            )
            return [conv, nn.BatchNorm2d(outputs)]

        class Block(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self, inputs: int, outputs: int, stride: int) -> None:
                super().__init__()
                self.inner = nn.Sequential(
                    *convolved(inputs, outputs, 3, stride),
                    nn.ReLU(),
                    *convolved(outputs, outputs, 3),
                )
                changes = stride > 1 or inputs != outputs
                self.short = nn.Sequential(
                    *(convolved(inputs, outputs, 1, stride) if changes else [])
                )

            def forward(self, x: Any) -> Any:
                return (self.inner(x) + self.short(x)).relu()

        return nn.Sequential(
            *convolved(3, first, 3),
            nn.ReLU(),
            Block(first, first, 1),
            Block(first, second, 2),
            Block(second, third, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(third, 10),
        )

    return Workload(
        name="resnet-8",
        text=f"ResNet-8 on 3x{side}x{side}, batch {batch}",
        goal=goal,
        model=model,
        batch=labelled_images(batch, (3, side, side)),
        loss=lambda library, y, target: library.functional.cross_entropy(y, target),
        # Adam's first updates are ±lr whatever the gradient's size, so rounding flips some that are
        # nearly 0: 8e-4 after 20 steps. In float64 the losses agree to the last digit.
        tolerance=3e-3,
    )


def labelled_images(
    batch: int, shape: tuple[int, int, int]
) -> Callable[[np.random.Generator], tuple[Array, Array]]:
    """Batches of noise with one of ten labels."""

    def batch_of(rng: np.random.Generator) -> tuple[Array, Array]:
        return rng.standard_normal((batch, *shape), np.float32), rng.integers(0, 10, batch)

    return batch_of


ROWS = (
    cnn(28, (32, 64), 128, batch=64, goal=1.3),
    resnet8(32, (16, 32, 64), batch=32, goal=1.1),
)
SMALLEST = (
    cnn(8, (2, 3), 4, batch=2, goal=1.0),
    resnet8(8, (2, 3, 4), batch=2, goal=1.0),
)
