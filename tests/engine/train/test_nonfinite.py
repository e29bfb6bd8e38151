from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.nn import functional
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.train import Loop
from azuraforge.errors import NonFiniteError
from tests.engine.train.small import dataset, everything, small_loop


class Poisoned(nn.Module):
    """A linear layer whose output, or whose gradient alone, is not finite from a call on."""

    def __init__(self, features: int, *, after: int = 0, backward: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(features, features, generator=Generator(0))
        self.after = after
        self.backward = backward

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        self.after -= self.training
        if self.after >= 0:
            return y
        if self.backward:
            return y + (y - y.detach()).abs().sqrt()  # 0, and a gradient of 1 / 0
        return y + (y - y - 1.0).log()


class Net(nn.Module):
    """Batch norm and dropout, a poisoned layer among others, deep in it."""

    def __init__(self, poisoned: Poisoned) -> None:
        super().__init__()
        g = Generator(0)
        self.encoder = nn.ModuleList(
            [
                nn.Sequential(nn.Linear(4, 4, generator=g), nn.BatchNorm1d(4), nn.Dropout(0.5)),
                nn.Sequential(nn.ReLU(), poisoned),
            ]
        )
        self.head = nn.Linear(4, 2, generator=g)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.encoder:
            x = layer(x)
        y: Tensor = self.head(x)
        return y


def failed(loop: Loop) -> str:
    with pytest.raises(NonFiniteError) as raised:
        list(loop)
    return str(raised.value)


@pytest.mark.parametrize("after", [0, 1, 2, 3, 9])
def test_nan_names_the_step_the_layer_and_the_op(after: int) -> None:
    loop = small_loop(model=Net(Poisoned(4, after=after)))

    message = failed(loop)

    assert message.startswith(f"step {after + 1}: loss nan; encoder.1.1: log made ")
    assert "test_nonfinite.py" in message


@pytest.mark.parametrize("after", [0, 4])
def test_a_gradient_of_nan_names_the_layer_whose_op_made_it(after: int) -> None:
    loop = small_loop(model=Net(Poisoned(4, after=after, backward=True)))

    message = failed(loop)

    assert re.match(rf"step {after + 1}: loss \d\.\d+; ", message)
    assert "; the gradient of sqrt in encoder.1.1 made " in message


def test_nan_of_the_loss_itself_is_in_no_layer() -> None:
    def loss(output: Tensor, target: Any) -> Tensor:
        return functional.cross_entropy(output, target) + (output - output - 1.0).log().mean()

    message = failed(small_loop(loss=loss))

    assert message.startswith("step 1: loss nan; log made ")


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("backward", [False, True])
def test_a_step_that_failed_changed_nothing_but_what_it_counts_itself(
    backward: bool, accumulate: int
) -> None:
    """A batch of a group before the bad one has moved statistics and noise on."""
    poisoned = Poisoned(4, after={1: 3, 3: 8}[accumulate], backward=backward)
    options: dict[str, Any] = {"accumulate": accumulate, "batch_size": 4, "ema": 0.5}
    loop = small_loop(model=Net(poisoned), **options)
    good = small_loop(model=Net(Poisoned(4, after=10**9)), **options)
    happenings, expected = iter(loop), iter(good)
    for _ in range(3):
        assert next(happenings) == next(expected)
    before = everything(loop)

    with pytest.raises(NonFiniteError):
        next(happenings)

    assert everything(loop) == before
    poisoned.after = 10**9
    assert list(loop) == list(expected)


def test_a_parameter_that_is_nan_is_named() -> None:
    broken = small_loop()
    next(iter(broken))
    broken.model.state_dict()["3.bias"][0] = np.nan

    assert failed(broken).startswith(
        "step 2: loss nan; parameter 3.bias is not finite before the step"
    )


@pytest.mark.parametrize("where", [0, 1], ids=["input", "target"])
def test_a_batch_that_holds_nan_is_named(where: int) -> None:
    arrays = [array.astype(np.float32) for array in dataset().arrays]
    arrays[1] = np.stack((arrays[1], arrays[1]), 1)
    arrays[where][:, 0] = np.nan
    broken = small_loop(
        train=TensorDataset(*arrays), metrics=lambda output, data: {}, loss=functional.mse_loss
    )

    assert failed(broken) == "step 1: loss nan; the batch itself holds NaN or Inf"


def test_a_gradient_norm_that_overflows_names_the_parameter_with_the_largest_numbers() -> None:
    def loss(output: Tensor, target: Any) -> Tensor:
        return functional.cross_entropy(output, target) * 1e25

    message = failed(small_loop(loss=loss))

    sound = small_loop()
    next(iter(sound))
    sizes = {
        path: abs(p.grad.data).max()
        for path, p in sound.model.named_parameters()
        if p.grad is not None
    }
    largest = max(sizes, key=lambda path: sizes[path])
    assert f"the gradient norm overflowed, {largest} has numbers up to" in message


def test_a_loss_that_makes_nan_without_an_op_is_told_so() -> None:
    def loss(output: Tensor, target: Any) -> Tensor:
        found = functional.cross_entropy(output, target)
        found.data[...] = np.nan
        return found

    assert failed(small_loop(loss=loss)).endswith(
        "no op made it: the loss function did, without one"
    )


def test_in_half_precision_nan_that_no_scale_makes_is_told() -> None:
    loop = small_loop(model=Net(Poisoned(4, after=2)), precision="float16")

    message = failed(loop)

    assert message.startswith("step 3: loss nan; encoder.1.1: log made ")
    assert loop.gradients.scaler.get_scale() == 2.0**16


def test_in_half_precision_a_step_that_failed_can_be_done_again() -> None:
    poisoned = Poisoned(4, backward=True)
    loop = small_loop(model=Net(poisoned), precision="float16", epochs=1)
    loop.gradients.scaler.update(1.0)  # no smaller scale would help

    message = failed(loop)
    poisoned.after = 10**9

    assert "the gradient of sqrt in encoder.1.1 made" in message
    assert len(list(loop)) == 6
    assert loop.gradients.scaler.get_scale() == 1.0
