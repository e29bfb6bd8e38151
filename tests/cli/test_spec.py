from __future__ import annotations

from argparse import Namespace
from typing import Any

import pytest

from azuraforge.cli.spec import spec_of
from azuraforge.errors import ConfigError, DeviceError, PluginError
from azuraforge.schema.specs import CheckpointPolicy


def options(**changed: Any) -> Namespace:
    given: dict[str, Any] = {
        "plugin": "toy",
        "settings": [("path", "rows.csv")],
        "seed": 0,
        "device": "cpu",
        "threads": 1,
        "model": None,
        "precision": "float32",
        "on_nan": None,
        "attempts": 3,
        "checkpoint_epochs": 1,
        "checkpoint_steps": 0,
        "keep_checkpoints": 2,
    }
    return Namespace(**{**given, **changed})


@pytest.mark.usefixtures("toy")
def test_a_spec_holds_every_setting_typed_and_the_later_of_two() -> None:
    settings = [("path", "rows.csv"), ("width", "4"), ("width", "16")]

    spec = spec_of(options(settings=settings, seed=7))

    assert spec.seed == 7
    assert spec.config["width"] == 16
    assert spec.config["optim"]["lr"] == 1e-3


@pytest.mark.usefixtures("toy")
def test_a_spec_says_when_checkpoints_are_written_and_what_a_nan_does() -> None:
    spec = spec_of(
        options(checkpoint_epochs=0, checkpoint_steps=50, keep_checkpoints=3, on_nan="rollback")
    )

    assert spec.checkpoint == CheckpointPolicy(every_epochs=0, every_steps=50, keep_last=3)
    assert spec.config["training"]["on_nan"] == "rollback"


@pytest.mark.usefixtures("toy")
def test_every_setting_at_fault_is_told() -> None:
    with pytest.raises(ConfigError) as caught:
        spec_of(options(settings=[("widht", "3"), ("shape", "oval")]))

    assert {problem.path for problem in caught.value.problems} == {"path", "widht", "shape"}


@pytest.mark.usefixtures("toy")
def test_an_unknown_plugin_is_a_usage_error() -> None:
    with pytest.raises(ConfigError, match=r"no plugin named 'toi'.*did you mean toy\?"):
        spec_of(options(plugin="toi"))


@pytest.mark.usefixtures("broken")
def test_a_broken_plugin_is_told_with_the_cause() -> None:
    with pytest.raises(PluginError, match="no_such_module"):
        spec_of(options(plugin="broken"))


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("name", ["", "../x", "a b", "-a", "x" * 101])
def test_a_model_name_that_is_none_is_told_with_what_is_allowed(name: str) -> None:
    with pytest.raises(ConfigError, match=r"--model.*allowed: letters"):
        spec_of(options(model=name))


@pytest.mark.usefixtures("toy")
def test_a_gpu_that_is_not_there_is_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_gpu(device: str) -> None:
        raise DeviceError("no GPU")

    monkeypatch.setattr("azuraforge.actors.resolve.array_module", no_gpu)

    with pytest.raises(DeviceError):
        spec_of(options(device="cuda"))
