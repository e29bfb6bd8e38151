from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.engine.train.improvement import Improvement
from azuraforge.engine.train.schedule import Plateau, Schedule
from azuraforge.errors import ConfigError

STEPS = 40
NAMES = ["constant", "linear", "cosine", "step", "exponential", "plateau"]
schedules = st.builds(
    Schedule,
    name=st.sampled_from(NAMES),
    warmup_steps=st.integers(0, 50),
    min_factor=st.floats(0, 1),
    gamma=st.floats(0.01, 1),
    step_size=st.integers(1, 50),
)


@given(schedule=schedules, steps=st.integers(1, 60))
def test_a_factor_rises_to_1_over_the_warm_up_and_never_rises_again(
    schedule: Schedule, steps: int
) -> None:
    factors = [schedule.factor(done, steps) for done in range(steps)]

    warm, rest = factors[: schedule.warmup_steps], factors[schedule.warmup_steps :]
    assert warm == sorted(warm)
    assert rest == sorted(rest, reverse=True)
    assert all(schedule.min_factor <= factor <= 1 for factor in rest)
    assert rest[:1] in ([1.0], [])
    assert all(0 < factor <= 1 for factor in warm)


def test_the_last_step_of_the_warm_up_has_the_whole_rate() -> None:
    schedule = Schedule(name="linear", warmup_steps=4)

    factors = [schedule.factor(done, 8) for done in range(8)]

    assert factors == [0.25, 0.5, 0.75, 1, 1, 0.75, 0.5, 0.25]


def test_a_run_that_is_longer_than_was_planned_stays_at_the_least() -> None:
    assert Schedule(name="cosine", min_factor=0.1).factor(50, 40) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("setting", "allowed"),
    [
        ({"name": "cosinus"}, "schedule.name: 'cosinus'; allowed: constant, linear, cosine"),
        ({"warmup_steps": -1}, "schedule.warmup_steps: -1; allowed: 0 or more"),
        ({"min_factor": 2}, "schedule.min_factor: 2; allowed: 0 to 1"),
        ({"gamma": 0}, "schedule.gamma: 0; allowed: above 0, to 1"),
        ({"step_size": 0}, "schedule.step_size: 0; allowed: 1 or more"),
        ({"patience": -1}, "schedule.patience: -1; allowed: 0 or more"),
    ],
)
def test_a_setting_that_makes_no_schedule_is_refused(setting: Any, allowed: str) -> None:
    with pytest.raises(ConfigError, match=allowed):
        Schedule(**setting)


torch = pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")
theirs = torch.optim.lr_scheduler


def optimizer(lr: float = 1.0) -> Any:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)


def rates(scheduler: Any, optimizer: Any) -> list[float]:
    """The rates of STEPS steps, by PyTorch."""
    found = []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


AFTER = {
    "constant": lambda opt, steps: theirs.ConstantLR(opt, factor=1.0),
    "linear": lambda opt, steps: theirs.LinearLR(opt, 1.0, 0.1, total_iters=steps),
    "cosine": lambda opt, steps: theirs.CosineAnnealingLR(opt, T_max=steps, eta_min=0.1),
    "step": lambda opt, steps: theirs.StepLR(opt, step_size=7, gamma=0.7),
    "exponential": lambda opt, steps: theirs.ExponentialLR(opt, gamma=0.7 ** (1 / 7)),
}


@pytest.mark.parametrize("warmup", [0, 5])
@pytest.mark.parametrize("name", sorted(AFTER))
def test_the_factors_are_pytorchs(name: Any, warmup: int) -> None:
    low = 0.1 if name in ("linear", "cosine") else 0.0
    ours = Schedule(name=name, warmup_steps=warmup, min_factor=low, gamma=0.7, step_size=7)
    opt = optimizer()
    scheduler = AFTER[name](opt, STEPS - warmup)
    if warmup:
        warm = theirs.LinearLR(opt, 1 / warmup, 1.0, total_iters=warmup - 1)
        opt = optimizer()
        warm = theirs.LinearLR(opt, 1 / warmup, 1.0, total_iters=warmup - 1)
        scheduler = theirs.SequentialLR(opt, [warm, AFTER[name](opt, STEPS - warmup)], [warmup])

    expected = rates(scheduler, opt)

    assert [ours.factor(done, STEPS) for done in range(STEPS)] == pytest.approx(expected, rel=1e-6)


@given(
    values=st.lists(st.floats(-10, 10), max_size=30),
    patience=st.integers(0, 4),
    mode=st.sampled_from(["min", "max"]),
)
def test_a_plateau_is_found_as_by_pytorch(values: list[float], patience: int, mode: Any) -> None:
    schedule = Schedule(name="plateau", gamma=0.5, min_factor=0.05, patience=patience)
    ours = Plateau(schedule=schedule, improvement=Improvement(mode=mode))
    opt = optimizer()
    scheduler = theirs.ReduceLROnPlateau(
        opt, mode=mode, factor=0.5, patience=patience, threshold=0, min_lr=0.05
    )

    for value in values:
        ours.take(value)
        scheduler.step(value)

        assert math.isclose(ours.factor, opt.param_groups[0]["lr"])


def test_schedules_of_other_names_have_no_plateau() -> None:
    plateau = Plateau(schedule=Schedule(patience=0), improvement=Improvement(mode="min"))

    for value in (1.0, 2.0, 3.0):
        plateau.take(value)

    assert plateau.factor == 1
