"""That nothing a config says about training is lost on the way to the loop."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest
from msgspec import structs

from azuraforge.actors.resolve import resolve, task_generator
from azuraforge.actors.training.loops import new_loop
from azuraforge.engine.optim import SGD, Adam, AdamW
from azuraforge.engine.random import Generator, using
from azuraforge.engine.train import Loop, Schedule
from azuraforge.engine.train.schedule import Name
from azuraforge.schema.config import ScheduleConfig, TrainingConfig
from azuraforge.schema.specs import RunSpec

SET: dict[str, Any] = {
    "epochs": 4,
    "batch_size": 7,
    "accumulate": 3,
    "clip_norm": 0.5,
    "ema": 0.75,
    "patience": 2,
    "min_delta": 0.25,
    "validate_every": 5,
    "statistics_every": 6,
}


def loop_of(spec: RunSpec) -> Loop:
    spec, plugin, config = resolve(spec)
    with using(Generator(spec.seed).child("init")):
        task = plugin.build(config, task_generator(spec))
    return new_loop(spec, config, task)


def test_every_setting_of_training_is_the_loops_but_what_the_trainer_does_itself() -> None:
    loop = loop_of(RunSpec(plugin="tiny", config={"training": SET}, precision="float16"))

    assert {name: getattr(loop, name) for name in SET} == SET
    assert SET.keys() | {"on_nan"} == {field.name for field in structs.fields(TrainingConfig)}
    assert loop.precision == "float16"


def test_the_schedule_is_the_loops_with_the_same_names_and_defaults() -> None:
    given = {"name": "step", "warmup_steps": 3, "min_factor": 0.5, "gamma": 0.25, "step_size": 9}

    loop = loop_of(RunSpec(plugin="tiny", config={"schedule": {**given, "patience": 8}}))

    assert loop.schedule == Schedule(**given, patience=8)
    assert Schedule(**structs.asdict(ScheduleConfig())) == Schedule()
    assert get_args(get_type_hints(ScheduleConfig)["name"]) == get_args(Name)


@pytest.mark.parametrize(("name", "kind"), [("adam", Adam), ("adamw", AdamW), ("sgd", SGD)])
def test_the_optimizer_is_the_one_named_with_its_settings(name: str, kind: type) -> None:
    settings = {"name": name, "lr": 0.5, "weight_decay": 0.25, "momentum": 0.75}

    loop = loop_of(RunSpec(plugin="tiny", config={"optim": settings}))

    (group,) = loop.optimizer.param_groups
    assert type(loop.optimizer) is kind
    assert (group["lr"], group["weight_decay"]) == (0.5, 0.25)
    assert group.get("momentum") == (0.75 if name == "sgd" else None)
