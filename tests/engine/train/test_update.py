from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn, optim
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.train.update import MOST_KINDS, Update

MAKERS: dict[str, Any] = {
    "adam": lambda parameters: optim.Adam(parameters, lr=0.1),
    "adamw": lambda parameters: optim.AdamW(parameters, lr=0.1, weight_decay=0.1),
    "amsgrad": lambda parameters: optim.Adam(parameters, lr=0.1, amsgrad=True),
    "sgd": lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9),
    "muon": lambda parameters: optim.Muon([p for p in parameters if p.ndim == 2], lr=0.1),
}


def made(name: str) -> tuple[nn.Module, optim.Optimizer]:
    model = nn.Linear(30, 40, generator=Generator(0))
    return model, MAKERS[name](model.parameters())


def refill(model: nn.Module, step: int, *, fresh: bool = False) -> None:
    """Bring the gradients of a step, in the arrays of those before or in arrays of their own."""
    generator = Generator(step)
    for parameter in model.parameters():
        g = generator.normal(parameter.shape)
        if parameter.grad is None or fresh:
            parameter.grad = Tensor(g)
        else:
            parameter.grad.data[...] = g


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_updates_made_ready_once_have_the_bits_of_steps(name: str) -> None:
    model, optimizer = made(name)
    update = Update(optimizer)
    plain, steps = made(name)

    for step in range(6):
        for group in (*optimizer.param_groups, *steps.param_groups):
            group["lr"] = 0.1 / (step + 1)
        refill(model, step)
        update(is_replayed=True)
        refill(plain, step)
        steps.step()

        for one, other in zip(model.parameters(), plain.parameters(), strict=True):
            np.testing.assert_array_equal(one.data, other.data)


def test_gradients_in_other_arrays_are_not_taken_for_those_before() -> None:
    model, optimizer = made("adam")
    update = Update(optimizer)
    plain, steps = made("adam")

    for step in range(8):
        refill(model, step, fresh=step in (4, 6))
        update(is_replayed=True)
        refill(plain, step)
        steps.step()

    for one, other in zip(model.parameters(), plain.parameters(), strict=True):
        np.testing.assert_array_equal(one.data, other.data)


def test_a_parameter_without_a_gradient_stays_as_it_is_and_moves_again_with_one() -> None:
    model, optimizer = made("sgd")
    update = Update(optimizer)
    bias = list(model.parameters())[1]
    for step in range(3):
        refill(model, step)
        update(is_replayed=True)
    before = bias.data.copy()

    bias.grad = None
    update(is_replayed=True)

    np.testing.assert_array_equal(bias.data, before)
    refill(model, 4)
    update(is_replayed=True)
    assert (bias.data != before).all()


@pytest.mark.parametrize("is_replayed", [False, True])
def test_gradients_that_do_not_come_again_are_let_go_of(is_replayed: bool) -> None:
    model, optimizer = made("sgd")
    update = Update(optimizer)
    gone = []

    for step in range(3):
        refill(model, step, fresh=True)
        gone += [weakref.ref(p.grad) for p in model.parameters() if p.grad is not None]
        update(is_replayed=is_replayed)
    optimizer.zero_grad()

    assert [reference() for reference in gone] == [None] * 6


def test_no_more_kinds_are_kept_ready_than_a_loop_has_shapes_of_batches() -> None:
    model, optimizer = made("sgd")
    update = Update(optimizer)
    kept = []

    for step in range(MOST_KINDS + 3):
        refill(model, step, fresh=True)
        update(is_replayed=True)
        update(is_replayed=True)
        kept += [weakref.ref(p.grad) for p in model.parameters() if p.grad is not None]
    optimizer.zero_grad()

    assert sum(reference() is not None for reference in kept) == 2 * MOST_KINDS
