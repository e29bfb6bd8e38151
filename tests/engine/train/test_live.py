from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from azuraforge.engine import optim
from azuraforge.engine.train import Epoch, LayerStatistics, Schedule, Step
from azuraforge.engine.train.live import SETTINGS
from azuraforge.errors import ConfigError
from azuraforge.schema.config import PluginConfig, fields_of
from tests.engine.train.small import STEPS, small_loop


def test_what_the_loop_can_change_is_what_configs_declare_live() -> None:
    declared = {field.path for field in fields_of(PluginConfig) if field.live}

    assert set(SETTINGS) == declared


def test_a_learning_rate_set_in_the_middle_is_the_one_that_the_schedule_goes_on_from() -> None:
    schedule = Schedule(name="cosine")
    loop = small_loop(schedule=schedule)
    happenings = iter(loop)
    list(islice(happenings, 3))

    loop.set("optim.lr", 0.5)

    step = next(happenings)
    assert isinstance(step, Step)
    assert step.lr == pytest.approx(0.5 * schedule.factor(3, loop.steps))
    assert loop.lr == 0.5
    assert loop.optimizer.param_groups[0]["lr"] == step.lr


@pytest.mark.parametrize(("name", "value"), [("weight_decay", 0.5), ("momentum", 0.5)])
def test_a_setting_of_the_optimizer_acts_as_if_it_had_always_been_so(
    name: str, value: float
) -> None:
    set_later = small_loop(optimizer=lambda p: optim.SGD(p, lr=0.1))
    set_at_once = small_loop(optimizer=lambda p: optim.SGD(p, **{"lr": 0.1, name: value}))

    set_later.set(f"optim.{name}", value)

    assert list(set_later) == list(set_at_once)


def test_momentum_can_be_switched_on_in_the_middle() -> None:
    loop = small_loop(optimizer=lambda p: optim.SGD(p, lr=0.1))
    happenings = iter(loop)
    next(happenings)

    loop.set("optim.momentum", 0.9)

    assert len(list(happenings)) == 3 * (STEPS + 1) - 1


def test_momentum_of_an_optimizer_without_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"optim\.momentum: Adam has none"):
        small_loop().set("optim.momentum", 0.9)


def test_clipping_is_switched_on_and_off() -> None:
    loop = small_loop(optimizer=lambda p: optim.SGD(p, lr=1.0), clip_norm=1e-9)
    frozen = [array.copy() for array in loop.model.state_dict().values()]
    happenings = iter(loop)
    next(happenings)
    moved = [
        abs(a - b).max() for a, b in zip(loop.model.state_dict().values(), frozen, strict=True)
    ]
    assert max(moved) < 1e-8

    loop.set("training.clip_norm", None)
    next(happenings)

    moved = [
        abs(a - b).max() for a, b in zip(loop.model.state_dict().values(), frozen, strict=True)
    ]
    assert max(moved) > 1e-3


def test_statistics_are_switched_on_and_off() -> None:
    loop = small_loop()
    happenings = iter(loop)
    next(happenings)

    loop.set("training.statistics_every", 1)
    on = list(islice(happenings, 2))
    loop.set("training.statistics_every", 0)
    off = list(islice(happenings, 2))

    assert [type(h) for h in on] == [Step, LayerStatistics]
    assert [type(h) for h in off] == [Step, Step]


@pytest.mark.parametrize(("epochs", "done"), [(1, 1), (2, 2), (5, 5)])
def test_the_run_becomes_shorter_or_longer(epochs: int, done: int) -> None:
    loop = small_loop()
    happenings = iter(loop)
    list(islice(happenings, 2))

    loop.set("training.epochs", epochs)

    assert loop.steps == epochs * STEPS
    assert sum(isinstance(h, Epoch) for h in happenings) == done
    assert loop.is_done


def test_an_epoch_that_is_begun_is_not_taken_away() -> None:
    loop = small_loop()
    list(islice(loop, STEPS + 2))

    with pytest.raises(ConfigError, match=r"training\.epochs: got 1; allowed: 2 or more"):
        loop.set("training.epochs", 1)


def test_after_an_epoch_the_run_can_end_there() -> None:
    loop = small_loop()
    happenings = iter(loop)
    list(islice(happenings, STEPS + 1))

    loop.set("training.epochs", 1)

    assert list(happenings) == []


@pytest.mark.parametrize("path", ["training.batch_size", "lr", "optim", "model.width", ""])
def test_what_is_not_live_is_refused_with_what_is(path: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be set while a run is on; live: optim\.lr, "):
        small_loop().set(path, 1)


BAD: list[tuple[str, Any]] = [
    ("optim.lr", 0),
    ("optim.lr", float("nan")),
    ("optim.lr", float("inf")),
    ("optim.lr", "0.1"),
    ("optim.lr", True),
    ("optim.lr", None),
    ("optim.momentum", 1),
    ("optim.weight_decay", -0.1),
    ("training.clip_norm", 0),
    ("training.patience", 0),
    ("training.patience", 1.5),
    ("training.epochs", 0),
    ("training.statistics_every", -1),
]


@pytest.mark.parametrize(("path", "value"), BAD)
def test_a_value_out_of_range_is_refused_and_changes_nothing(path: str, value: Any) -> None:
    loop = small_loop()
    before = loop.state_dict()[1]

    with pytest.raises(ConfigError, match=f"{path}: got .*; allowed: "):
        loop.set(path, value)

    assert loop.state_dict()[1] == before
