"""MNIST: LeNet-5, plain training without distortions; errors on the 10,000 test images, in percent.

As in the paper: images of 28x28 in the middle of 32x32, background -0.1 and ink 1.175; 6, 16
and 120 maps of 5x5 convolutions, mean pools between, 84 units, tanh; 20 passes over all 60,000
images, nothing chosen by the test images. As today: the second convolution sees all six maps, pools
have no weights, the output is a softmax; AdamW, batches of 64, the rate down along a cosine.

Source: LeCun et al. (1998), Gradient-based learning applied to document recognition, III.B.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from azuraforge_images.sources import idx

import azuraforge
from azuraforge import Tensor, nn
from azuraforge.data import DataLoader, TensorDataset
from azuraforge.engine.random import Generator, using
from azuraforge.nn import functional as F
from azuraforge.optim import AdamW
from azuraforge.optim.lr_scheduler import CosineAnnealingLR
from benchmarks.evidence.figure import Figure, arguments, report, timed

PAPER = "0.95"
EPOCHS, BATCH, LR, WEIGHT_DECAY = 20, 64, 2e-3, 0.05
BACKGROUND, INK = -0.1, 1.175
SIDE = 28


class Images(NamedTuple):
    """Scaled images and what they show. Shape: (n, 1, 32, 32), (n,)"""

    train: TensorDataset
    test: TensorDataset


def lenet5() -> nn.Sequential:
    """Logits of the ten digits. Shape: (batch, 1, 32, 32) -> (batch, 10)"""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(14),  # of 2x2; AvgPool2d(2) makes a step of 6.5 ms one of 10.5
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(5),
        nn.Conv2d(16, 120, 5),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, 10),
    )


def images() -> Images:
    """Raises: DataError."""
    return Images(labelled("train"), labelled("t10k"))


def labelled(part: str) -> TensorDataset:
    grey = idx(f"{part}-images-idx3-ubyte.gz").reshape(-1, 1, SIDE, SIDE) / np.float32(255)
    scaled = BACKGROUND + (INK - BACKGROUND) * grey
    padded = np.pad(scaled, ((0, 0), (0, 0), (2, 2), (2, 2)), constant_values=BACKGROUND)
    labels = idx(f"{part}-labels-idx1-ubyte.gz").astype(np.int64)
    return TensorDataset(padded.astype(np.float32), labels)


def trained(data: TensorDataset, generator: Generator, *, epochs: int = EPOCHS) -> nn.Sequential:
    """The model after its last pass."""
    with using(generator.child("weights")):
        model = lenet5()
    batches = DataLoader(
        data, BATCH, shuffle=True, drop_last=True, generator=generator.child("order")
    )
    optimizer = AdamW(model.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    schedule = CosineAnnealingLR(optimizer, T_max=epochs * len(batches))

    @azuraforge.capture
    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(epochs):
        for x, y in batches:
            step(azuraforge.tensor(x), azuraforge.tensor(y))
            schedule.step()
    return model


@azuraforge.no_grad()
def errors_percent(model: nn.Module, data: TensorDataset) -> float:
    """How many of a hundred images are taken for another digit."""
    wrong = 0
    for x, y in DataLoader(data, batch_size=500):
        wrong += int((model(azuraforge.tensor(x)).argmax(1).numpy() != y).sum())
    return 100 * wrong / len(data)


def figures(generator: Generator) -> Iterator[Figure]:
    """The paper's test error without distortions."""
    data = images()
    yield timed(
        "errors, %", PAPER, lambda: errors_percent(trained(data.train, generator), data.test)
    )


def main(given: Sequence[str] | None = None) -> int:
    options = arguments("digits", __doc__).parse_args(given)
    return report("MNIST, LeCun et al. (1998), LeNet-5 without distortions", options, figures)


if __name__ == "__main__":
    sys.exit(main())
