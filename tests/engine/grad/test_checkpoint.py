from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn
from azuraforge.engine.grad.check import gradgradcheck
from azuraforge.engine.grad.higher import grad
from azuraforge.engine.random import Generator, default_generator, manual_seed
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import ConfigError, GradientError
from azuraforge.utils.checkpoint import checkpoint, checkpoint_sequential


def numbers(*shape: int) -> Any:
    return np.random.default_rng(6).standard_normal(shape)


def net(*, p: float = 0.0, generator: Generator | None = None) -> nn.Sequential:
    manual_seed(1)
    layers = [nn.Linear(4, 8), nn.Tanh(), nn.Dropout(p, generator=generator), nn.Linear(8, 3)]
    return nn.Sequential(*layers).double()


def gradients(model: nn.Module, x: Tensor, call: Any) -> list[Any]:
    manual_seed(2)
    for p in model.parameters():
        p.grad = None
    x.grad = None
    y = call(model, x)
    (y * y).sum().backward()
    found = [x.grad, *(p.grad for p in model.parameters())]
    return [y.data, *(None if g is None else g.data for g in found)]


def plain(model: Any, x: Any) -> Any:
    return model(x)


def test_gradients_are_those_without_dropout_included() -> None:
    for generator in (None, Generator(5)):
        model = net(p=0.5, generator=generator)
        x = tensor(numbers(6, 4), requires_grad=True)
        start = None if generator is None else generator.state

        expected = gradients(model, x, plain)
        after = default_generator().state
        if generator is not None:
            generator.move_to(start)
        found = gradients(model, x, checkpoint)

        assert default_generator().state == after
        for own, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(own, other)


def test_checkpoints_within_checkpoints_and_in_a_row_give_the_same() -> None:
    model = net()
    x = tensor(numbers(6, 4), requires_grad=True)

    def nested(model: Any, x: Any) -> Any:
        first, second = nn.Sequential(*list(model)[:2]), nn.Sequential(*list(model)[2:])
        return checkpoint(lambda x: second(checkpoint(first, x)), x, use_reentrant=False)

    expected = gradients(model, x, plain)
    for call in (nested, lambda model, x: checkpoint_sequential(model, 2, x)):
        for own, other in zip(gradients(model, x, call), expected, strict=True):
            np.testing.assert_array_equal(own, other)


def test_it_can_be_differentiated_twice_and_by_grad_alone() -> None:
    model = net()
    x = tensor(numbers(2, 4), requires_grad=True)

    (gx,) = grad(checkpoint(model, x).sum(), [x])

    assert gx is not None
    assert model[0].weight.grad is None
    assert gradgradcheck(lambda x: checkpoint(model, x), [x])


def test_what_lies_within_is_not_kept() -> None:
    def deep(x: Tensor) -> Tensor:
        for _ in range(20):
            x = x.exp().log()
        return x

    def peak(call: Any) -> int:
        x = tensor(np.ones(50_000), requires_grad=True)
        tracemalloc.start()
        call(deep, x)
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return size

    def kept(function: Any, x: Tensor) -> Tensor:
        results.append(function(x))
        return results[-1]

    results: list[Tensor] = []
    whole = peak(kept)
    part = peak(lambda function, x: kept(lambda x: checkpoint(function, x), x))

    assert whole > 20 * 50_000 * 8
    assert part < 3 * 50_000 * 8


def test_a_function_that_does_other_ops_the_second_time_is_found() -> None:
    count = [0]

    def other(x: Tensor) -> Tensor:
        count[0] += 1
        return x.exp() if count[0] == 1 else x.tanh()

    with pytest.raises(GradientError, match="checkpoint: done again, the function applied 1 ops"):
        checkpoint(other, tensor([1.0], requires_grad=True)).backward()


def test_an_input_that_changed_in_place_is_found() -> None:
    x = tensor([1.0], requires_grad=True) * 1.0
    y = checkpoint(lambda x: x.exp(), x)
    x.detach().zero_()

    with pytest.raises(GradientError, match=r"checkpoint kept an input of shape .* and fill_"):
        y.backward()


def test_segments_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="segments is 5; allowed: 1 to 4"):
        checkpoint_sequential(net(), 5, tensor(numbers(2, 4)))


def test_a_step_with_a_checkpoint_and_dropout_is_captured() -> None:
    model = net(p=0.5)
    rng = np.random.default_rng(7)
    batches = [tensor(rng.standard_normal((6, 4))) for _ in range(6)]

    def train(x: Tensor) -> Tensor:
        for p in model.parameters():
            p.grad = None
        loss = (checkpoint(model, x) ** 2).sum()
        loss.backward()
        return loss

    def run(step: Any) -> list[Any]:
        manual_seed(3)
        found = []
        for x in batches:
            loss = step(x).item()
            found += [loss, *(p.grad.data.copy() for p in model.parameters())]
        return found

    expected = run(train)
    step = capture(train)
    found = run(step)

    assert step.reason is None
    assert step.is_replayed
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(own, other)
