"""Parameters begin as PyTorch's do: Kaiming uniform with a = √5, whose bound is 1/√fan_in."""

from __future__ import annotations

import math

import numpy as np
import pytest

from azuraforge.engine import nn
from azuraforge.engine.nn import init
from azuraforge.engine.random import Generator, using
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

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


def tensor(*shape: int) -> Tensor:
    return Tensor(np.empty(shape, np.float32))


def test_orthogonal_rows_have_the_length_of_the_gain() -> None:
    w = init.orthogonal_(tensor(3, 2, 4), gain=2.0, generator=Generator(1)).data.reshape(3, 8)

    np.testing.assert_allclose(w @ w.T, 4 * np.eye(3), atol=1e-5)


def test_a_truncated_normal_stays_within_its_ends() -> None:
    w = init.trunc_normal_(tensor(10_000), 1.0, 2.0, 0.0, 2.0, Generator(1)).data

    assert w.min() >= 0
    assert w.max() <= 2
    assert abs(w.mean() - 1) < 0.02  # the ends are as far from the mean


def test_normals_before_relu_have_twice_the_variance_of_the_mean_of_inputs() -> None:
    w = init.kaiming_normal_(tensor(400, 200), nonlinearity="relu", generator=Generator(1)).data

    assert w.var() == pytest.approx(2 / 200, rel=0.02)


def test_glorots_variance_is_two_over_inputs_and_outputs() -> None:
    for draw in (init.xavier_normal_, init.xavier_uniform_):
        assert draw(tensor(300, 500), generator=Generator(2)).data.var() == pytest.approx(
            2 / 800, rel=0.02
        )


def test_a_gain_of_an_unknown_function_is_refused() -> None:
    with pytest.raises(ConfigError, match="nonlinearity is 'gelu'; allowed: relu"):
        init.calculate_gain("gelu")
