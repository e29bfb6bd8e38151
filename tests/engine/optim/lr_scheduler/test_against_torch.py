"""Every scheduler gives PyTorch's rates, alone, chained and in sequence."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.engine import optim as our_optim
from azuraforge.engine.optim import lr_scheduler as ours
from azuraforge.engine.optim import swa_utils as our_swa
from azuraforge.engine.tensor import Tensor

torch = pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")

pytestmark = pytest.mark.filterwarnings("ignore:Detected call of:UserWarning")  # PyTorch's

STEPS = 60
theirs = torch.optim.lr_scheduler


class Halves:
    """A function of the epoch with a state of its own."""

    def __init__(self) -> None:
        self.base = 0.5

    def __call__(self, epoch: int) -> float:
        return float(self.base ** (epoch // 10))


SINGLE: dict[str, tuple[str, dict[str, Any]]] = {
    "LambdaLR": ("LambdaLR", {"lr_lambda": lambda t: 0.95**t}),
    "LambdaLR, one each": ("LambdaLR", {"lr_lambda": [Halves(), lambda t: 1 / (1 + t)]}),
    "MultiplicativeLR": ("MultiplicativeLR", {"lr_lambda": lambda t: 1 - 1 / (t + 5)}),
    "MultiplicativeLR, one each": ("MultiplicativeLR", {"lr_lambda": [Halves(), lambda t: -t]}),
    "StepLR": ("StepLR", {"step_size": 7}),
    "StepLR, gamma": ("StepLR", {"step_size": 1, "gamma": 0.97}),
    "MultiStepLR": ("MultiStepLR", {"milestones": [3, 11, 11, 40]}),
    "MultiStepLR, gamma": ("MultiStepLR", {"milestones": [5, 10], "gamma": 0.3}),
    "ConstantLR": ("ConstantLR", {}),
    "ConstantLR, long": ("ConstantLR", {"factor": 0.25, "total_iters": 33}),
    "LinearLR": ("LinearLR", {}),
    "LinearLR, down": ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 41}),
    "ExponentialLR": ("ExponentialLR", {"gamma": 0.93}),
    "PolynomialLR": ("PolynomialLR", {}),
    "PolynomialLR, squared": ("PolynomialLR", {"total_iters": 50, "power": 2.0}),
    "CosineAnnealingLR": ("CosineAnnealingLR", {"T_max": 60}),
    "CosineAnnealingLR, again": ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
    "CosineAnnealingWarmRestarts": ("CosineAnnealingWarmRestarts", {"T_0": 9}),
    "CosineAnnealingWarmRestarts, longer": (
        "CosineAnnealingWarmRestarts",
        {"T_0": 4, "T_mult": 2, "eta_min": 0.001},
    ),
    "CyclicLR": ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 8}),
    "CyclicLR, halving": (
        "CyclicLR",
        {"base_lr": [0.01, 0.02], "max_lr": [0.3, 0.5], "step_size_up": 5, "step_size_down": 9,
         "mode": "triangular2", "base_momentum": [0.7, 0.6], "max_momentum": 0.95},
    ),
    "CyclicLR, exp_range": (
        "CyclicLR",
        {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 6, "mode": "exp_range", "gamma": 0.99,
         "cycle_momentum": False},
    ),
    "CyclicLR, scale_fn": (
        "CyclicLR",
        {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 6, "scale_mode": "iterations",
         "scale_fn": lambda x: 1 / (5 ** (x * 1e-2))},
    ),
    "OneCycleLR": ("OneCycleLR", {"max_lr": 0.5, "total_steps": 60}),
    "OneCycleLR, linear": (
        "OneCycleLR",
        {"max_lr": [0.5, 0.2], "epochs": 10, "steps_per_epoch": 7, "anneal_strategy": "linear",
         "pct_start": 0.4, "div_factor": 10.0, "final_div_factor": 100.0},
    ),
    "OneCycleLR, three phases": (
        "OneCycleLR",
        {"max_lr": 0.5, "total_steps": 61, "three_phase": True, "cycle_momentum": False},
    ),
    "SWALR": ("SWALR", {"swa_lr": 0.02}),
    "SWALR, linear": (
        "SWALR",
        {"swa_lr": [0.02, 0.5], "anneal_epochs": 30, "anneal_strategy": "linear"},
    ),
    "SWALR, at once": ("SWALR", {"swa_lr": 0.02, "anneal_epochs": 0}),
}  # fmt: skip
OPTIMIZERS: dict[str, Callable[[Any, Any], Any]] = {
    "SGD": lambda module, params: module.SGD(params, lr=0.1, momentum=0.9),
    "Adam": lambda module, params: module.Adam(params, lr=0.1),
}


def made(name: str, is_torch: bool, optimizer: Any, **changed: Any) -> Any:
    """The scheduler of SINGLE of one library or the other."""
    kind, settings = SINGLE[name]
    libraries = (theirs, torch.optim.swa_utils) if is_torch else (ours, our_swa)
    library = libraries[kind == "SWALR"]
    return getattr(library, kind)(optimizer, **{**settings, **changed})


def chained(name: str, *others: str) -> Callable[[bool, Any], Any]:
    return lambda is_torch, optimizer: (theirs if is_torch else ours).ChainedScheduler(
        [made(each, is_torch, optimizer) for each in (name, *others)], optimizer
    )


def sequence(milestones: list[int], *names: str) -> Callable[[bool, Any], Any]:
    return lambda is_torch, optimizer: (theirs if is_torch else ours).SequentialLR(
        optimizer, [made(each, is_torch, optimizer) for each in names], list(milestones)
    )


def first_of_sequence(first: Callable[[bool, Any], Any]) -> Callable[[bool, Any], Any]:
    return lambda is_torch, optimizer: (theirs if is_torch else ours).SequentialLR(
        optimizer,
        [first(is_torch, optimizer), made("PolynomialLR", is_torch, optimizer)],
        [13],
    )


COMBINED: dict[str, Callable[[bool, Any], Any]] = {
    "chain of two": chained("ConstantLR", "ExponentialLR"),
    "chain of four": chained("LinearLR", "StepLR", "MultiplicativeLR", "PolynomialLR, squared"),
    "chain with a cosine": chained("LinearLR", "CosineAnnealingLR, again"),
    "warm-up, then a cosine": sequence([5], "LinearLR", "CosineAnnealingLR"),
    "three in sequence": sequence([4, 30], "ConstantLR", "ExponentialLR", "MultiStepLR"),
    "functions in sequence": sequence([8, 20], "LambdaLR", "MultiplicativeLR", "PolynomialLR"),
    "cycles in sequence": sequence([3, 33], "LinearLR", "CosineAnnealingWarmRestarts", "CyclicLR"),
    "the first for no step": sequence([0], "LinearLR", "ExponentialLR"),
    "one cycle first": sequence([25], "OneCycleLR", "CosineAnnealingLR"),
    "a chain in a sequence": first_of_sequence(chained("ExponentialLR", "StepLR")),
    "a sequence in a sequence": first_of_sequence(sequence([9], "LinearLR", "ExponentialLR")),
}
ALL = {
    **{name: lambda is_torch, opt, name=name: made(name, is_torch, opt) for name in SINGLE},
    **COMBINED,
}


def optimizers(kind: str = "SGD", rates: tuple[float, float] = (0.1, 0.4)) -> tuple[Any, Any]:
    """Ours and PyTorch's, each with two groups."""
    our = [{"params": [Tensor(np.ones(2, np.float32), True)], "lr": lr} for lr in rates]
    their = [{"params": [torch.ones(2, requires_grad=True)], "lr": lr} for lr in rates]
    make = OPTIMIZERS[kind]
    return make(our_optim, our), make(torch.optim, their)


def in_force(optimizer: Any) -> list[tuple[float, float]]:
    """Rate and momentum of every group."""
    return [
        (float(group["lr"]), group["betas"][0] if "betas" in group else group["momentum"])
        for group in optimizer.param_groups
    ]


def run(scheduler: Any, steps: int) -> list[list[tuple[float, float]]]:
    """What is in force at each step; get_last_lr() has to say the same."""
    found = []
    for _ in range(steps):
        found.append(in_force(scheduler.optimizer))
        assert scheduler.get_last_lr() == [lr for lr, _ in found[-1]]
        scheduler.step()
    return found


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("name", ALL)
def test_the_rates_are_pytorchs(name: str, kind: str) -> None:
    our, their = optimizers(kind)

    found = run(ALL[name](False, our), STEPS)

    np.testing.assert_allclose(found, run(ALL[name](True, their), STEPS), rtol=1e-14, atol=1e-17)


@pytest.mark.parametrize("name", ALL)
def test_a_scheduler_goes_on_from_pytorchs_state(name: str) -> None:
    our, their = optimizers()
    scheduler, peer = ALL[name](False, our), ALL[name](True, their)
    run(peer, 17)

    scheduler.load_state_dict(peer.state_dict())
    our.load_state_dict({"state": {}, "param_groups": their.state_dict()["param_groups"]})

    found = run(scheduler, STEPS - 17)
    np.testing.assert_allclose(found, run(peer, STEPS - 17), rtol=1e-14, atol=1e-17)


@pytest.mark.parametrize("name", ALL)
def test_a_scheduler_goes_on_where_it_was_saved(name: str) -> None:
    our, _ = optimizers()
    scheduler = ALL[name](False, our)
    run(scheduler, 23)
    copy, _ = optimizers(rates=(1.0, 1.0))
    resumed = ALL[name](False, copy)

    resumed.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    copy.load_state_dict(our.state_dict())

    assert run(resumed, STEPS - 23) == run(scheduler, STEPS - 23)


@pytest.mark.parametrize("name", [name for name in SINGLE if not name.startswith("SWALR")])
def test_last_epoch_goes_on_as_pytorchs(name: str) -> None:
    our, their = optimizers()
    for optimizer in (our, their):
        made(name, optimizer is their, optimizer)
    for group, its in zip(our.param_groups, their.param_groups, strict=True):
        group["initial_lr"] = its["initial_lr"] = 0.3

    found = run(made(name, False, our, last_epoch=11), 40)

    peer = made(name, True, their, last_epoch=11)
    np.testing.assert_allclose(found, run(peer, 40), rtol=1e-14, atol=1e-17)


METRICS = st.lists(
    st.one_of(st.floats(-2, 2), st.just(math.nan), st.just(math.inf)), min_size=1, max_size=60
)


@given(
    METRICS,
    st.sampled_from(["min", "max"]),
    st.sampled_from(["rel", "abs"]),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.01, [0.05, 0.0]]),
    st.sampled_from([1e-8, 0.02]),
)
def test_a_plateau_is_found_as_by_pytorch(
    metrics: list[float],
    mode: Any,
    threshold_mode: Any,
    patience: int,
    cooldown: int,
    min_lr: Any,
    eps: float,
) -> None:
    our, their = optimizers()
    settings: dict[str, Any] = {
        "mode": mode, "threshold_mode": threshold_mode, "patience": patience, "factor": 0.3,
        "cooldown": cooldown, "min_lr": min_lr, "eps": eps, "threshold": 0.05,
    }  # fmt: skip
    scheduler = ours.ReduceLROnPlateau(our, **settings)
    peer = theirs.ReduceLROnPlateau(their, **settings)

    for i, metric in enumerate(metrics):
        if i == len(metrics) // 2:
            scheduler.load_state_dict(peer.state_dict())
            scheduler.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
        scheduler.step(metric)
        peer.step(metric)

        assert scheduler.get_last_lr() == peer.get_last_lr()
        assert in_force(our) == in_force(their)


@given(st.integers(1, 12), st.integers(1, 3), st.lists(st.floats(0, 200), min_size=1, max_size=9))
def test_warm_restarts_go_to_any_epoch_as_pytorchs(
    T_0: int, T_mult: int, epochs: list[float]
) -> None:
    our, their = optimizers()
    scheduler = ours.CosineAnnealingWarmRestarts(our, T_0, T_mult, eta_min=0.01)
    peer = theirs.CosineAnnealingWarmRestarts(their, T_0, T_mult, eta_min=0.01)

    for epoch in epochs:
        scheduler.step(epoch)
        peer.step(epoch)

        if abs(scheduler.T_cur - peer.T_cur) < 1:  # at a restart, its logarithm may be one off
            np.testing.assert_allclose(in_force(our), in_force(their), rtol=1e-9)


COMBINABLE = [name for name in SINGLE if not name.startswith(("Cyclic", "OneCycle", "SWA"))]


@given(
    st.lists(st.sampled_from(COMBINABLE), min_size=1, max_size=4),
    st.booleans(),
    st.data(),
)
def test_any_chain_and_sequence_is_pytorchs(
    names: list[str], is_chain: bool, data: st.DataObject
) -> None:
    our, their = optimizers()
    steps = st.lists(st.integers(0, 40), min_size=len(names) - 1, max_size=len(names) - 1)
    combine = chained(*names) if is_chain else sequence(sorted(data.draw(steps)), *names)

    found = run(combine(False, our), STEPS)

    expected = run(combine(True, their), STEPS)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-17)
