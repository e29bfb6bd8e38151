"""Every layer in a small net: each parameter has a correct gradient, and changes in a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from azuraforge.engine import nn, optim
from azuraforge.engine.random import Generator, using
from azuraforge.engine.tensor import Tensor

RNG = np.random.default_rng(3)


class Last(nn.Module):
    """The last output of an LSTM or GRU."""

    def __init__(self, recurrent: nn.LSTM | nn.GRU) -> None:
        super().__init__()
        self.recurrent = recurrent

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.recurrent(x)
        return y[:, -1] if self.recurrent.batch_first else y[-1]


class Attention(nn.Module):
    """Causal attention of a sequence to itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.into = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, time, width = x.shape
        parts = self.into(x).reshape(batch, time, 3, self.heads, width // self.heads)
        q, k, v = (parts[:, :, i].transpose(1, 2) for i in range(3))
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return cast(Tensor, self.out(y.transpose(1, 2).reshape(batch, time, width)))


NETS: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "Linear": (lambda: nn.Linear(4, 3), RNG.standard_normal((5, 4))),
    "Linear without bias": (lambda: nn.Linear(4, 3, bias=False), RNG.standard_normal((5, 4))),
    "Conv2d": (
        lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1),
        RNG.standard_normal((2, 2, 5, 6)),
    ),
    "Conv2d without bias": (
        lambda: nn.Conv2d(2, 3, (1, 2), bias=False),
        RNG.standard_normal((2, 2, 3, 4)),
    ),
    "Conv2d, dilated": (
        lambda: nn.Conv2d(2, 3, (2, 3), dilation=2),
        RNG.standard_normal((2, 2, 5, 6)),
    ),
    "Conv1d": (
        lambda: nn.Conv1d(3, 2, 2, stride=2, padding=3, dilation=2),
        RNG.standard_normal((2, 3, 7)),
    ),
    "MaxPool2d": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        RNG.standard_normal((2, 1, 5, 5)),
    ),
    "AdaptiveAvgPool2d": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.AdaptiveAvgPool2d((2, 3))),
        RNG.standard_normal((2, 1, 5, 5)),
    ),
    "LSTM": (lambda: Last(nn.LSTM(3, 2)), RNG.standard_normal((4, 2, 3))),
    "LSTM of two layers": (
        lambda: Last(nn.LSTM(3, 2, num_layers=2, dropout=0.5)),
        RNG.standard_normal((4, 2, 3)),
    ),
    "LSTM, batch first": (
        lambda: Last(nn.LSTM(3, 2, batch_first=True)),
        RNG.standard_normal((2, 4, 3)),
    ),
    "GRU": (lambda: Last(nn.GRU(3, 2)), RNG.standard_normal((4, 2, 3))),
    "GRU of two layers, batch first": (
        lambda: Last(nn.GRU(3, 2, num_layers=2, batch_first=True)),
        RNG.standard_normal((2, 4, 3)),
    ),
    "Embedding": (lambda: nn.Embedding(4, 3), np.array([[0, 1, 3], [2, 1, 1]])),
    "Tanh, Sigmoid, SiLU, GELU, Softmax": (
        lambda: nn.Sequential(
            nn.Linear(4, 5),
            nn.Tanh(),
            nn.Linear(5, 4),
            nn.Sigmoid(),
            nn.Linear(4, 5),
            nn.SiLU(),
            nn.Linear(5, 4),
            nn.GELU(),
            nn.Linear(4, 3),
            nn.GELU("tanh"),
            nn.Softmax(-1),
        ),
        RNG.standard_normal((5, 4)),
    ),
    "LayerNorm": (lambda: nn.LayerNorm((2, 3)), RNG.standard_normal((4, 2, 3))),
    "LayerNorm without bias": (lambda: nn.LayerNorm(3, bias=False), RNG.standard_normal((4, 3))),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3), RNG.standard_normal((4, 3))),
    "BatchNorm2d": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 2, bias=False), nn.BatchNorm2d(2), nn.ReLU()),
        RNG.standard_normal((2, 1, 5, 5)),
    ),
    "attention": (lambda: Attention(4, heads=2), RNG.standard_normal((2, 3, 4))),
    "Dropout": (
        lambda: nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3)),
        RNG.standard_normal((5, 4)),
    ),
    "Sequential": (
        lambda: nn.Sequential(
            nn.Embedding(5, 4), Last(nn.LSTM(4, 3, batch_first=True)), nn.ReLU(), nn.Linear(3, 2)
        ),
        np.array([[0, 1, 3], [2, 4, 1]]),
    ),
}
every_net = pytest.mark.parametrize("name", NETS)


def net(name: str) -> tuple[nn.Module, Callable[[], Tensor]]:
    """A net in float64, and a loss of it that draws the same noise each time."""
    make, x = NETS[name]
    with using(Generator(5)):
        model = make().double()

    def loss() -> Tensor:
        with using(Generator(6)):
            y = model(Tensor(x))
        weights = np.cos(np.arange(y.data.size)).reshape(y.shape)
        return (y * weights).sum() + y.square().mean()

    return model, loss


@every_net
def test_every_parameter_has_a_correct_gradient_where_the_input_needs_none(name: str) -> None:
    model, loss = net(name)

    loss().backward()

    for path, parameter in model.named_parameters():
        assert parameter.grad is not None, path
        expected = np.zeros(parameter.shape)
        for at in np.ndindex(parameter.shape):
            kept = parameter.data[at].copy()
            ends = []
            for moved in (kept + 1e-6, kept - 1e-6):
                parameter.data[at] = moved
                ends.append(loss().item())
            parameter.data[at] = kept
            expected[at] = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(
            parameter.grad.data, expected, rtol=1e-5, atol=1e-7, err_msg=path
        )


@every_net
def test_every_parameter_changes_in_one_step(name: str) -> None:
    model, loss = net(name)
    before = {key: array.copy() for key, array in model.state_dict().items()}

    loss().backward()
    optim.SGD(model.parameters(), lr=0.1).step()

    after = model.state_dict()
    assert after
    assert all((after[key] != before[key]).any() for key in before)


def test_dropout_keeps_the_mean_and_zeros_its_share() -> None:
    x = Tensor(np.ones((1000, 100), np.float32))

    y = nn.Dropout(0.3, generator=Generator(1))(x).data

    assert (y == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=0.01)
    assert np.unique(y).tolist() == pytest.approx([0, 1 / 0.7])


def test_dropout_is_off_in_evaluation() -> None:
    x = Tensor(np.ones(100, np.float32))

    assert nn.Dropout(0.9).eval()(x) is x


def test_dropout_of_everything_is_zero() -> None:
    y = nn.Dropout(1.0)(Tensor(np.ones(100, np.float32)))

    assert (y.data == 0).all()


def test_dropout_sends_the_gradient_through_what_it_kept() -> None:
    x = Tensor(np.ones(100, np.float32), requires_grad=True)

    y = nn.Dropout(0.5, generator=Generator(2))(x)
    y.sum().backward()

    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, y.data)
