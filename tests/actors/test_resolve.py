from __future__ import annotations

import pytest

from azuraforge.actors.resolve import examples, resolve, task_generator
from azuraforge.errors import ConfigError, NotFoundError
from azuraforge.schema.config import TrainingConfig
from azuraforge.schema.specs import RunSpec, spec_hash


def test_a_resolved_spec_has_every_default_written_out() -> None:
    whole, plugin, config = resolve(RunSpec(plugin="tiny", config={"optim.lr": 0.5}))

    assert plugin.name == "tiny"
    assert config.optim.lr == 0.5
    assert whole.config["optim"] == {
        "name": "sgd",
        "lr": 0.5,
        "momentum": 0.0,
        "weight_decay": 0.0,
    }
    assert whole.config["training"].items() >= {"epochs": 3, "batch_size": 8}.items()
    assert whole.config["training"].keys() == set(TrainingConfig.__struct_fields__)
    assert whole.plugin_version == "0.1"


def test_however_a_config_is_written_it_resolves_to_the_same_spec() -> None:
    dotted, _, _ = resolve(RunSpec(plugin="tiny", config={"optim.lr": "5e-2"}))
    nested, _, _ = resolve(RunSpec(plugin="tiny", config={"optim": {"lr": 0.05}}))
    unsaid, _, _ = resolve(RunSpec(plugin="tiny"))

    assert spec_hash(dotted) == spec_hash(nested) == spec_hash(unsaid)


def test_a_resolved_spec_resolves_to_itself() -> None:
    whole, _, _ = resolve(RunSpec(plugin="tiny"))

    assert resolve(whole)[0] == whole


def test_an_unknown_plugin_is_not_found_and_the_nearest_is_named() -> None:
    with pytest.raises(NotFoundError, match="did you mean tiny"):
        resolve(RunSpec(plugin="tinny"))


def test_every_wrong_key_and_value_is_told() -> None:
    with pytest.raises(ConfigError) as told:
        resolve(RunSpec(plugin="tiny", config={"optim.lr": -1, "optim.rl": 1}))

    assert {problem.path for problem in told.value.problems} == {"optim.lr", "optim.rl"}


def test_examples_are_rows_of_the_runs_own_test_split() -> None:
    spec = RunSpec(plugin="tiny", seed=4)
    whole, plugin, config = resolve(spec)
    task = plugin.build(config, task_generator(whole))

    shown = examples(spec, 3)

    x, y = task.test.arrays
    assert [one.input for one in shown] == x[:3].tolist()
    assert [one.truth for one in shown] == y[:3, 0].tolist()
