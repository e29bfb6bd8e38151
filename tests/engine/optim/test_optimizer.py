from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import optim
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import ConfigError, ShapeError

KINDS: dict[str, Any] = {
    "SGD": lambda params: optim.SGD(params, lr=0.1),
    "momentum": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.1),
    "Adam": lambda params: optim.Adam(params, lr=0.1, weight_decay=0.1),
    "AdamW": lambda params: optim.AdamW(params, lr=0.1, weight_decay=0.1),
}


def train(optimizer: optim.Optimizer, steps: int) -> None:
    """Steps on the gradient of Σ w⁴ / 4."""
    for _ in range(steps):
        for w in optimizer.params:
            w.grad = Tensor(w.data**3)
        optimizer.step()


def weights() -> list[Tensor]:
    return [tensor([1.0, -2.0], requires_grad=True), tensor([[0.5]], requires_grad=True)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_optimizer_goes_on_as_the_one_saved(kind: str) -> None:
    params = weights()
    optimizer = KINDS[kind](params)
    train(optimizer, 3)
    state = {key: np.array(value) for key, value in optimizer.state_dict().items()}
    copies = [tensor(w, requires_grad=True) for w in params]

    resumed = KINDS[kind](copies)
    resumed.load_state_dict(state)
    train(optimizer, 4)
    train(resumed, 4)

    for w, copy in zip(params, copies, strict=True):
        np.testing.assert_array_equal(copy.data, w.data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_without_a_gradient_stays_as_it_is(kind: str) -> None:
    first, second = weights()
    optimizer = KINDS[kind]([first, second])
    first.grad = Tensor(np.ones(2, np.float32))

    optimizer.step()

    assert first.data.tolist() != [1, -2]
    assert second.data.tolist() == [[0.5]]


def test_zero_grad_forgets_gradients() -> None:
    optimizer = KINDS["SGD"](weights())
    optimizer.params[0].grad = Tensor(np.ones(2, np.float32))

    optimizer.zero_grad()

    assert [w.grad for w in optimizer.params] == [None, None]


def test_a_state_that_does_not_fit_is_refused() -> None:
    optimizer = KINDS["momentum"](weights())
    state = optimizer.state_dict()

    with pytest.raises(ConfigError, match=r"keys differ: \['momentum_buffer.1'\]"):
        optimizer.load_state_dict({k: v for k, v in state.items() if k != "momentum_buffer.1"})
    with pytest.raises(ShapeError, match=r"momentum_buffer.0: \(3,\) does not fit \(2,\)"):
        optimizer.load_state_dict({**state, "momentum_buffer.0": np.zeros(3)})


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (optim.SGD, {"lr": 0.0}),
        (optim.SGD, {"lr": math.nan}),
        (optim.SGD, {"lr": 0.1, "momentum": 1.0}),
        (optim.Adam, {"lr": 0.1, "weight_decay": -1.0}),
        (optim.Adam, {"lr": 0.1, "betas": (0.9, 1.0)}),
        (optim.AdamW, {"lr": 0.1, "weight_decay": -0.1}),
    ],
)
def test_settings_out_of_range_are_refused(kind: Any, options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="allowed: "):
        kind(weights(), **options)


def test_an_optimizer_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="no parameters"):
        optim.SGD([], lr=0.1)
