"""Parameters begin as PyTorch's do: Kaiming uniform with a = √5, whose bound is 1/√fan_in."""

from __future__ import annotations

import math

import numpy as np
import pytest

from azuraforge.engine import nn
from azuraforge.engine.random import Generator, using

LAYERS = {
    "Linear": (lambda: nn.Linear(400, 300), 400),
    "Conv2d": (lambda: nn.Conv2d(40, 300, (5, 2)), 400),
    "Conv1d": (lambda: nn.Conv1d(80, 300, 5), 400),
    "LSTM": (lambda: nn.LSTM(200, 400), 400),
    "GRU": (lambda: nn.GRU(200, 400), 400),
}


@pytest.mark.parametrize("name", LAYERS)
def test_parameters_fill_the_range_evenly(name: str) -> None:
    make, fan_in = LAYERS[name]
    bound = 1 / math.sqrt(fan_in)

    with using(Generator(8)):
        layer = make()

    for path, parameter in layer.named_parameters():
        x = parameter.data
        assert np.abs(x).max() <= bound, path
        assert np.abs(x).max() >= 0.97 * bound, path
        assert x.std() == pytest.approx(bound / math.sqrt(3), rel=0.1), path
        assert x.mean() == pytest.approx(0, abs=5 * bound / math.sqrt(x.size)), path


def test_an_embedding_begins_standard_normal() -> None:
    weight = nn.Embedding(300, 200, generator=Generator(8)).weight.data

    assert weight.mean() == pytest.approx(0, abs=0.02)
    assert weight.std() == pytest.approx(1, abs=0.02)


def test_the_same_seed_makes_the_same_parameters() -> None:
    first, second = (nn.Linear(4, 3, generator=Generator(9)) for _ in range(2))

    np.testing.assert_array_equal(first.weight.data, second.weight.data)
    np.testing.assert_array_equal(first.bias.data, second.bias.data)
