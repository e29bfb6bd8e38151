"""The network: two convolutions, each halved, and two linear layers."""

from __future__ import annotations

from azuraforge.engine import nn
from azuraforge_images.config import ModelConfig
from azuraforge_images.sources import Source

CLASSES = 10


def cnn(source: Source, config: ModelConfig) -> nn.Module:
    """A network for the images of a dataset.

    Shape: (batch, 1, side, side) -> (batch, 10) logits
    """
    first, second = config.channels, 2 * config.channels
    kernel, padding = source.kernel, source.padding
    side = source.side
    for _ in range(2):
        side = (side + 2 * padding - kernel + 1) // 2
    return nn.Sequential(
        nn.Conv2d(1, first, kernel, padding=padding),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, kernel, padding=padding),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(config.dropout),
        nn.Linear(second * side**2, config.hidden),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, CLASSES),
    )


def set_dropout(model: nn.Module, share: float) -> None:
    """Make it the share that every dropout of the model zeroes from the next step on."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
