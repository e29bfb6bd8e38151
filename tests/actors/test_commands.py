from __future__ import annotations

from typing import Any

import pytest

from azuraforge.actors.commands import check_command
from azuraforge.errors import ConfigError
from azuraforge.schema.commands import Command
from azuraforge.schema.specs import RunSpec

SPEC = RunSpec(plugin="tiny", config={"optim": {"lr": 0.25}, "training.epochs": 7})


def set_to(path: str, value: Any) -> Command:
    return Command(name="set", path=path, value=value, reason="why not")


@pytest.mark.parametrize("value", ["1e-4", 1e-4])
def test_a_value_is_written_down_as_the_config_has_it(value: Any) -> None:
    checked = check_command(SPEC, set_to("optim.lr", value))

    assert checked == Command(name="set", path="optim.lr", value=0.0001, reason="why not")


def test_a_setting_that_is_not_live_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"training\.batch_size: got 4; is fixed once") as e:
        check_command(SPEC, set_to("training.batch_size", 4))

    assert "optim.lr, optim.momentum, optim.weight_decay, training.epochs" in str(e.value)
    assert e.value.problems[0].path == "training.batch_size"


def test_a_misspelt_setting_is_answered_with_the_one_that_is_near() -> None:
    with pytest.raises(ConfigError, match=r"no such setting.*did you mean optim\.lr\?"):
        check_command(SPEC, set_to("optim.rl", 0.1))


@pytest.mark.parametrize("value", [-1, 1000, "fast", float("nan"), None])
def test_a_value_out_of_range_is_refused_with_the_range(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"optim\.lr: got .*a number > 0 and <= 100"):
        check_command(SPEC, set_to("optim.lr", value))


@pytest.mark.parametrize("name", ["pause", "resume", "step", "stop", "checkpoint"])
def test_only_set_takes_a_setting(name: Any) -> None:
    command = Command(name=name, reason="lunch")

    assert check_command(SPEC, command) == command
    with pytest.raises(ConfigError, match=f"{name}: takes no setting; `set` does"):
        check_command(SPEC, Command(name=name, path="optim.lr"))
