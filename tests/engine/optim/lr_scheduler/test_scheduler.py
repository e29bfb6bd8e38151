from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from azuraforge import capture
from azuraforge.engine import optim
from azuraforge.engine.optim import lr_scheduler
from azuraforge.engine.optim.swa_utils import SWALR
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import ConfigError

KINDS: dict[str, Callable[[optim.Optimizer], Any]] = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda t: 0.9**t),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda t: 0.9),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 2),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [1, 3, 4]),
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o, total_iters=3),
    "LinearLR": lr_scheduler.LinearLR,
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.8),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 9, 2.0),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 6),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3),
    "WarmupCosineLR": lambda o: lr_scheduler.WarmupCosineLR(o, 3, 7),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o), lr_scheduler.StepLR(o, 1)], [3]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(o), lr_scheduler.StepLR(o, 3)]
    ),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, 2),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.1, 8),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=1),
    "SWALR": lambda o: SWALR(o, 0.01, 4),
}
OPTIMIZERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": lambda w: optim.SGD([w], lr=0.1, momentum=0.9),
    "Adam": lambda w: optim.Adam([w], lr=0.1),
}


def sgd(lr: Any = 0.1, groups: int = 1) -> optim.Optimizer:
    return optim.SGD([{"params": [tensor([1.0], requires_grad=True)]} for _ in range(groups)], lr)


def advance(scheduler: Any) -> None:
    """One step; a plateau is told the same metric each time."""
    scheduler.step(*[1.0] * isinstance(scheduler, lr_scheduler.ReduceLROnPlateau))


def trained(kind: str, name: str, through: Callable[[Any], Any]) -> tuple[list[float], Any]:
    """A weight after each of eight steps that go `through` a wrapper, and that wrapper."""
    w = tensor([1.0, -2.0], requires_grad=True)
    optimizer = OPTIMIZERS[kind](w)
    scheduler = KINDS[name](optimizer)

    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = ((w - x) * (w - x)).sum()
        loss.backward()
        optimizer.step()
        return loss

    wrapped = through(step)
    seen = []
    for i in range(8):
        wrapped(tensor([0.5, float(i)]))
        seen += w.data.tolist()
        advance(scheduler)
    return seen, wrapped


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("name", KINDS)
def test_a_replayed_step_uses_the_rate_set_since(name: str, kind: str) -> None:
    eager, _ = trained(kind, name, lambda step: step)

    replayed, captured = trained(kind, name, capture)

    assert captured.is_replayed
    assert replayed == eager


def test_a_scheduler_within_a_captured_step_keeps_it_eager() -> None:
    w = tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)

    @capture
    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss

    with pytest.warns(UserWarning, match="ExponentialLR; step it after the step's call"):
        step(tensor([1.0]))
    step(tensor([1.0]))

    assert w.data.tolist() == [1 - 0.5 - 0.25]
    assert scheduler.get_last_lr() == [0.125]


@pytest.mark.parametrize("name", KINDS)
def test_a_rate_in_a_tensor_stays_in_it(name: str) -> None:
    lr = tensor(0.1)
    optimizer = optim.SGD([tensor([1.0], requires_grad=True)], lr=lr, momentum=0.9)
    plain = OPTIMIZERS["SGD"](tensor([1.0], requires_grad=True))
    scheduler, reference = KINDS[name](optimizer), KINDS[name](plain)

    for _ in range(7):
        advance(scheduler)
        advance(reference)

    assert optimizer.param_groups[0]["lr"] is lr
    assert scheduler.get_last_lr() == [lr.data.item()]
    np.testing.assert_allclose(scheduler.get_last_lr(), reference.get_last_lr(), rtol=1e-5)


def test_a_warm_up_with_a_cosine_is_nanogpts() -> None:
    def get_lr(it: int) -> float:  # as in Karpathy's train.py
        learning_rate, warmup_iters, lr_decay_iters, min_lr = 6e-4, 20, 50, 6e-5
        if it < warmup_iters:
            return learning_rate * (it + 1) / (warmup_iters + 1)
        if it > lr_decay_iters:
            return min_lr
        decay_ratio = (it - warmup_iters) / (lr_decay_iters - warmup_iters)
        coeff = 0.5 * (1.0 + math.cos(math.pi * decay_ratio))
        return min_lr + coeff * (learning_rate - min_lr)

    scheduler = lr_scheduler.WarmupCosineLR(sgd(6e-4), 20, 50, eta_min=6e-5)

    rates = []
    for _ in range(60):
        rates += scheduler.get_last_lr()
        scheduler.step()

    np.testing.assert_allclose(rates, [get_lr(it) for it in range(60)], rtol=1e-14)


def test_a_state_is_a_copy() -> None:
    scheduler = lr_scheduler.MultiStepLR(sgd(), [3])
    state = scheduler.state_dict()

    state["base_lrs"][0] = 7.0
    state["milestones"][5] = 1
    scheduler.load_state_dict(scheduler.state_dict())

    assert scheduler.base_lrs == [0.1]
    assert scheduler.milestones == {3: 1}


def test_a_state_that_does_not_fit_is_refused() -> None:
    scheduler = lr_scheduler.StepLR(sgd(), 3)
    other = lr_scheduler.ExponentialLR(sgd(), 0.5)
    wider = lr_scheduler.StepLR(sgd(groups=2), 3)

    with pytest.raises(ConfigError, match=r"StepLR.*missing \['step_size'\], unexpected \[\]"):
        scheduler.load_state_dict(other.state_dict())
    with pytest.raises(ConfigError, match=r"StepLR.load_state_dict: .*: 2 values do not fit 1"):
        scheduler.load_state_dict(wider.state_dict())


def test_a_group_added_later_needs_a_new_scheduler() -> None:
    optimizer = sgd()
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda t: 1.0)
    optimizer.add_param_group({"params": [tensor([1.0], requires_grad=True)]})

    with pytest.raises(ConfigError, match="made for 1 parameter groups, and now there are 2"):
        scheduler.step()


def test_a_plateau_takes_a_group_added_later() -> None:
    optimizer = sgd()
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=0.02)
    optimizer.add_param_group({"params": [tensor([1.0], requires_grad=True)]})

    for _ in range(3):
        scheduler.step(1.0)

    assert scheduler.get_last_lr() == [0.02, 0.02]


def test_a_scheduler_of_ones_own_is_one_method() -> None:
    class HalvedOnTuesdays(lr_scheduler.LRScheduler):
        def get_lr(self) -> list[float]:
            return [base / (1 + self.last_epoch % 7 // 6) for base in self.base_lrs]

    scheduler = HalvedOnTuesdays(sgd())
    for _ in range(6):
        scheduler.step()

    assert scheduler.get_last_lr() == [0.05]


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "no optimizer": (lambda: lr_scheduler.StepLR([], 2), "list is not an Optimizer"),
    "no function": (lambda: lr_scheduler.LambdaLR(sgd(), 2), "lr_lambda 2; allowed: a function"),
    "functions": (
        lambda: lr_scheduler.LambdaLR(sgd(), [math.cos, math.cos]),
        "of 2 functions.*one for each of the 1 parameter groups",
    ),
    "resumed": (lambda: lr_scheduler.StepLR(sgd(), 2, last_epoch=3), "load the optimizer's state"),
    "step_size": (lambda: lr_scheduler.StepLR(sgd(), 0), "step_size 0; allowed: step_size >= 1"),
    "factor": (lambda: lr_scheduler.ConstantLR(sgd(), 0.0), "allowed: 0 < factor <= 1"),
    "start": (lambda: lr_scheduler.LinearLR(sgd(), 0.0), "allowed: 0 < start_factor <= 1"),
    "end": (lambda: lr_scheduler.LinearLR(sgd(), 1.0, 1.1), "allowed: 0 <= end_factor <= 1"),
    "total": (lambda: lr_scheduler.PolynomialLR(sgd(), 0), "allowed: total_iters >= 1"),
    "T_max": (lambda: lr_scheduler.CosineAnnealingLR(sgd(), 0), "allowed: T_max >= 1"),
    "T_0": (lambda: lr_scheduler.CosineAnnealingWarmRestarts(sgd(), 0), "T_0 >= 1, whole"),
    "T_mult": (
        lambda: lr_scheduler.CosineAnnealingWarmRestarts(sgd(), 2, 1.5),
        "T_mult 1.5; allowed: T_mult >= 1, whole",
    ),
    "warm-up": (lambda: lr_scheduler.WarmupCosineLR(sgd(), 9, 9), "total_steps > warmup_steps, 9"),
    "mode": (lambda: lr_scheduler.CyclicLR(sgd(), 0.1, 1.0, mode="up"), "allowed: .'triangular'"),
    "rates": (lambda: lr_scheduler.CyclicLR(sgd(), [0.1, 0.2], 1.0), "base_lr has 2 values"),
    "momentum": (
        lambda: lr_scheduler.CyclicLR(optim.Adagrad(sgd().params), 0.1, 1.0),
        "Adagrad has neither momentum nor betas to cycle; give cycle_momentum=False",
    ),
    "pct_start": (lambda: lr_scheduler.OneCycleLR(sgd(), 1.0, 9, pct_start=2.0), "<= pct_start <="),
    "steps": (lambda: lr_scheduler.OneCycleLR(sgd(), 1.0, epochs=3), "or epochs >= 1 with steps"),
    "anneal": (lambda: lr_scheduler.OneCycleLR(sgd(), 1.0, 9, anneal_strategy="up"), "cos"),
    "plateau": (lambda: lr_scheduler.ReduceLROnPlateau(sgd(), factor=1.0), "0 <= factor < 1"),
    "none": (lambda: lr_scheduler.ChainedScheduler([]), "no schedulers; allowed: one or more"),
    "swa": (lambda: SWALR(sgd(), 0.1, anneal_strategy="up"), "'up'; allowed: cos, linear"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_settings_out_of_range_are_refused(name: str) -> None:
    make, message = WRONG[name]

    with pytest.raises(ConfigError, match=message):
        make()


def test_schedulers_that_do_not_go_together_are_refused() -> None:
    optimizer = sgd()
    linear, plateau = lr_scheduler.LinearLR(optimizer), lr_scheduler.ReduceLROnPlateau(optimizer)
    chain = lr_scheduler.ChainedScheduler([linear])
    other = lr_scheduler.LinearLR(sgd())

    with pytest.raises(ConfigError, match=r"schedulers\[1\] is a ReduceLROnPlateau.*by itself"):
        lr_scheduler.ChainedScheduler([linear, plateau])
    with pytest.raises(ConfigError, match=r"schedulers\[1\], a LinearLR, is of another optimizer"):
        lr_scheduler.ChainedScheduler([linear, other])
    with pytest.raises(ConfigError, match=r"milestones \[2\]; allowed: 0 steps"):
        lr_scheduler.SequentialLR(optimizer, [linear], [2])
    with pytest.raises(ConfigError, match=r"schedulers\[1\] is a ChainedScheduler, which has no"):
        lr_scheduler.SequentialLR(optimizer, [linear, chain], [2])


def test_a_cycle_that_is_over_says_so() -> None:
    scheduler = lr_scheduler.OneCycleLR(sgd(), 1.0, 2)
    for _ in range(2):
        scheduler.step()

    with pytest.raises(ConfigError, match="OneCycleLR: step 3; allowed: 2 steps"):
        scheduler.step()
