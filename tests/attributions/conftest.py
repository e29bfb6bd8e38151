"""Models whose attributions are known: linear, with an interaction, a small network in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import azuraforge
from azuraforge import Tensor, nn
from azuraforge.engine.random import Generator, using

FEATURES, CLASSES = 4, 3


@pytest.fixture
def generator() -> Generator:
    return Generator(7)


@pytest.fixture
def weights(rng: np.random.Generator) -> np.ndarray:
    """Shape: (FEATURES,)"""
    return rng.standard_normal(FEATURES)


@pytest.fixture
def linear(weights: np.ndarray) -> Callable[[Tensor], Tensor]:
    """x -> x w + 2"""
    return lambda x: (x * azuraforge.tensor(weights)).sum(1) + 2.0


@pytest.fixture
def network() -> nn.Module:
    """Logits of a smooth model, (batch, FEATURES) -> (batch, CLASSES)."""
    with using(Generator(1)):
        return nn.Sequential(nn.Linear(FEATURES, 8), nn.Tanh(), nn.Linear(8, CLASSES)).double()


@pytest.fixture
def kinked() -> nn.Module:
    """The same with ReLUs."""
    with using(Generator(2)):
        layers = nn.Linear(FEATURES, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)
        return nn.Sequential(*layers).double()


@pytest.fixture
def x(rng: np.random.Generator) -> Tensor:
    return azuraforge.tensor(rng.standard_normal((5, FEATURES)))


@pytest.fixture
def baseline(rng: np.random.Generator) -> Tensor:
    return azuraforge.tensor(rng.standard_normal((5, FEATURES)))


@pytest.fixture
def images(rng: np.random.Generator) -> Tensor:
    return azuraforge.tensor(rng.standard_normal((3, 2, 8, 8)))


@pytest.fixture
def convolved() -> nn.Sequential:
    """Logits of images: two convolutions, a max pool, (batch, 2, 8, 8) -> (batch, 3)"""
    with using(Generator(3)):
        return nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 5, 3),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(20, 3),
        ).double()
