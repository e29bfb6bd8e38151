"""Each rule lets a sound plugin pass and catches a plugin that breaks that rule alone."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import msgspec
import numpy as np
import pytest

from azuraforge import plugin_check as rules
from azuraforge.engine import nn
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.device import Array
from azuraforge.engine.nn import functional as F
from azuraforge.engine.random import Generator, using
from azuraforge.errors import DataError, PluginError
from azuraforge.plugin import Task
from azuraforge.plugin_check import RULES, Subject, check
from azuraforge.plugin_new import write_plugin
from azuraforge.schema.config import LIVE, PluginConfig


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type]:
    """The class of a plugin as `azuraforge plugins new` writes it."""
    package = write_plugin("sound", tmp_path_factory.mktemp("plugins"))
    source = package / "azuraforge_sound" / "__init__.py"
    source.write_text(source.read_text().replace('version("azuraforge-sound")', '"0.1.0"'))
    module = imported(source)
    yield module.Plugin
    del sys.modules[module.__name__]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_sound_plugin_passes(rule: Callable[[Subject], None], sound: type) -> None:
    rule(Subject(sound()))


def test_check_holds_a_plugin_against_every_rule(sound: type) -> None:
    class Nameless(sound):
        name = ""

    class Deaf(sound):
        def predict(self, *arguments: Any) -> Any:
            return [{"height": 0.0} for _ in arguments[-1]]

    check(sound())
    with pytest.raises(PluginError, match="name is ''"):
        check(Nameless())
    with pytest.raises(PluginError, match="DataError"):  # of the last rule
        check(Deaf())


def test_a_required_field_without_a_value_is_named(sound: type) -> None:
    class PathConfig(PluginConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
        path: str

    class Plugin(sound):
        config = PathConfig

    with pytest.raises(PluginError, match=r"required ones \(path\)"):
        rules.config_reads_back(Subject(Plugin()))
    rules.config_reads_back(Subject(Plugin(), {"path": "somewhere"}))


@pytest.mark.parametrize(
    ("name", "value"), [("summary", None), ("version", "two\nlines"), ("config", dict)]
)
def test_an_attribute_of_another_kind_is_caught(name: str, value: Any, sound: type) -> None:
    plugin = sound()
    setattr(plugin, name, value)

    with pytest.raises(PluginError, match=f"{name} is"):
        rules.attributes_are_there(Subject(plugin))


def test_a_missing_method_is_caught(sound: type) -> None:
    plugin = sound()
    plugin.examples = None

    with pytest.raises(PluginError, match="examples is missing"):
        rules.attributes_are_there(Subject(plugin))


def test_a_config_that_json_changes_is_caught(sound: type) -> None:
    class Forgetful(PluginConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
        draws: int = 0

        def __post_init__(self) -> None:
            msgspec.structs.force_setattr(self, "draws", self.draws + 1)

    class Plugin(sound):
        config = Forgetful

    with pytest.raises(PluginError, match="reads back as"):
        rules.config_reads_back(Subject(Plugin()))


def test_weights_from_the_default_generator_are_caught(sound: type) -> None:
    def build(self: Any, config: Any, generator: Generator) -> Task:
        task = sound.build(self, config, generator)
        return dataclasses.replace(task, model=nn.Sequential(nn.Linear(3, 1)))

    with pytest.raises(PluginError, match=r"differ in 0\.weight"):
        rules.building_is_repeatable(Subject(with_method(sound, build=build)))


def test_data_from_a_global_generator_is_caught(sound: type) -> None:
    def build(self: Any, config: Any, generator: Generator) -> Task:
        task = sound.build(self, config, generator)
        x, y = task.train.arrays
        noisy = x + np.random.default_rng().normal(size=x.shape).astype(np.float32)
        return dataclasses.replace(task, train=TensorDataset(noisy, y))

    with pytest.raises(PluginError, match="differ in array 0 of train"):
        rules.building_is_repeatable(Subject(with_method(sound, build=build)))


def test_weights_that_no_seed_changes_are_caught(sound: type) -> None:
    def build(self: Any, config: Any, generator: Generator) -> Task:
        with using(Generator(0)):
            model = nn.Sequential(nn.Linear(3, 1))
        return dataclasses.replace(sound.build(self, config, generator), model=model)

    with pytest.raises(PluginError, match="another seed gives the same weights"):
        rules.building_is_repeatable(Subject(with_method(sound, build=build)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "a/b"}, "Task.name is 'a/b'"),
        ({"mode": "least"}, "Task.mode is 'least'"),
        ({"unit": "per cent"}, "Task.unit is"),
    ],
)
def test_a_task_with_an_unusable_name_is_caught(
    change: dict[str, Any], said: str, sound: type
) -> None:
    with pytest.raises(PluginError, match=said):
        rules.names_are_usable(Subject(with_task(sound, lambda task: change)))


def test_a_live_setting_that_nothing_would_change_is_caught(sound: type) -> None:
    class Warm(PluginConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
        heat: Annotated[float, msgspec.Meta(extra=LIVE)] = 0.5

    def built(live: dict[str, Any]) -> Any:
        def build(self: Any, config: Any, generator: Generator) -> Task:
            return dataclasses.replace(sound().build(sound().config(), generator), live=live)

        return with_method(sound, config=Warm, build=build)

    given: list[float] = []

    rules.live_settings_take_effect(Subject(built({"heat": given.append})))
    with pytest.raises(PluginError, match="has nothing, the config declares heat live"):
        rules.live_settings_take_effect(Subject(built({})))
    assert given == [0.5]


def test_a_function_for_a_setting_that_is_not_live_is_caught(sound: type) -> None:
    plugin = with_task(sound, lambda task: {"live": {"optim.name": print}})

    with pytest.raises(PluginError, match=r"has optim\.name, the config declares nothing"):
        rules.live_settings_take_effect(Subject(plugin))


def test_an_empty_split_is_caught(sound: type) -> None:
    plugin = with_task(sound, lambda task: {"validation": task.validation.subset(slice(0))})

    with pytest.raises(PluginError, match="the validation split is empty"):
        rules.splits_are_apart(Subject(plugin))


def test_test_rows_that_were_trained_on_are_caught(sound: type) -> None:
    plugin = with_task(sound, lambda task: {"test": task.train.subset(slice(0, 50))})

    with pytest.raises(PluginError, match="50 of 50 test rows are also in train"):
        rules.splits_are_apart(Subject(plugin))


def test_splits_of_other_shapes_are_caught(sound: type) -> None:
    def halved(task: Task) -> dict[str, Any]:
        x, y = task.test.arrays
        return {"test": TensorDataset(x[:, :2], y)}

    with pytest.raises(PluginError, match="make them alike"):
        rules.splits_are_apart(Subject(with_task(sound, halved)))


def test_nan_in_the_data_is_caught(sound: type) -> None:
    def spoilt(task: Task) -> dict[str, Any]:
        x, y = (array.copy() for array in task.test.arrays)
        x[3, 1] = np.nan
        return {"test": TensorDataset(x, y)}

    with pytest.raises(PluginError, match="array 0 of test holds NaN"):
        rules.data_is_finite(Subject(with_task(sound, spoilt)))


def test_a_parameter_that_forward_does_not_use_is_caught(sound: type) -> None:
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Linear(3, 1), nn.Linear(3, 1)

        def forward(self, x: Any) -> Any:
            return self.used(x)

    plugin = with_task(sound, lambda task: {"model": Idle()})

    with pytest.raises(PluginError, match=r"parameter idle\.weight gets no finite gradient"):
        rules.every_parameter_learns(Subject(plugin))


def test_a_parameter_cut_off_the_graph_is_caught(sound: type) -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.below, self.above = nn.Linear(3, 3), nn.Linear(3, 1)

        def forward(self, x: Any) -> Any:
            return self.above(self.below(x).detach())

    plugin = with_task(sound, lambda task: {"model": Cut()})

    with pytest.raises(PluginError, match=r"parameter below\.weight gets no finite gradient"):
        rules.every_parameter_learns(Subject(plugin))


def test_a_loss_per_row_is_caught(sound: type) -> None:
    plugin = with_task(sound, lambda task: {"loss": lambda outputs, target: outputs - target})

    with pytest.raises(PluginError, match=r"the loss has shape \(32, 1\)"):
        rules.every_parameter_learns(Subject(plugin))


def test_a_gradient_that_differences_do_not_confirm_is_caught(sound: type) -> None:
    def loss(outputs: Any, target: Array) -> Any:
        return F.mse_loss(outputs, target) + (outputs * outputs.detach()).sum()

    with pytest.raises(PluginError, match=r"the gradient of 0\.weight at \(0, \d\) is"):
        rules.gradients_are_right(Subject(with_task(sound, lambda task: {"loss": loss})))


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32(1.0), "0.5"])
def test_a_metric_that_is_no_number_is_caught(value: Any, sound: type) -> None:
    plugin = with_task(sound, lambda task: {"metrics": lambda outputs, rows: {"r2": value}})

    with pytest.raises(PluginError, match="metric r2 of train rows is"):
        rules.metrics_are_numbers(Subject(plugin))


def test_a_monitor_that_no_metric_has_is_caught(sound: type) -> None:
    plugin = with_task(sound, lambda task: {"monitor": "accuracy"})

    with pytest.raises(PluginError, match=r"Task\.monitor is 'accuracy'; allowed: loss, r2"):
        rules.metrics_are_numbers(Subject(plugin))


@pytest.mark.parametrize(
    "state", [{"scale": np.ones(2)}, {"scale": math.nan}, {"scale": (1, 2)}, {1: "scale"}]
)
def test_a_state_that_is_not_json_is_caught(state: Any, sound: type) -> None:
    with pytest.raises(PluginError, match=r"Task\.state"):
        rules.state_is_plain(Subject(with_task(sound, lambda task: {"state": state})))


def test_a_fresh_model_of_another_shape_is_caught(sound: type) -> None:
    plugin = with_task(sound, lambda task: {"model": nn.Sequential(nn.Linear(3, 1, bias=False))})

    with pytest.raises(PluginError, match="let build\\(\\) call model\\(\\)"):
        rules.weights_fit_a_fresh_model(Subject(plugin))


def test_a_prediction_that_needs_more_than_weights_and_state_is_caught(sound: type) -> None:
    def predict(self: Any, model: Any, config: Any, state: Any, inputs: Any) -> Any:
        return [{"height": float(id(model) % 997)} for _ in inputs]

    with pytest.raises(PluginError, match="a restored model predicts otherwise"):
        rules.weights_fit_a_fresh_model(Subject(with_method(sound, predict=predict)))


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (lambda inputs: [{"height": 1.0}], "1 predictions for 3 inputs"),
        (lambda inputs: [{"height": np.float32(1)} for _ in inputs], "is no JSON object"),
        (lambda inputs: [1.0 for _ in inputs], "is no JSON object"),
        (lambda inputs: [{"height": float(len(inputs))} for _ in inputs], "its neighbours"),
        (lambda inputs: [{"height": 1.0} for _ in inputs or [0]], r"predict\(\[\]\) is not \[\]"),
    ],
    ids=["too few", "a NumPy number", "no dict", "depends on the batch", "an answer to nothing"],
)
def test_predictions_of_another_kind_are_caught(
    answers: Callable[[Any], Any], said: str, sound: type
) -> None:
    def predict(self: Any, model: Any, config: Any, state: Any, inputs: Any) -> Any:
        return answers(inputs)

    with pytest.raises(PluginError, match=said):
        rules.predictions_are_plain(Subject(with_method(sound, predict=predict)))


def test_examples_that_differ_from_call_to_call_are_caught(sound: type) -> None:
    calls: list[int] = []

    def examples(self: Any, config: Any, generator: Generator, count: int) -> Any:
        calls.append(count)
        return sound.examples(self, config, Generator(len(calls)), count)

    with pytest.raises(PluginError, match="two calls of examples differ"):
        rules.examples_are_repeatable(Subject(with_method(sound, examples=examples)))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, "raise a DataError"),
        (ValueError("1"), "raise a DataError"),
        (DataError("?"), "index"),
    ],
    ids=["answered", "another error", "no index"],
)
def test_wrong_input_that_is_not_refused_properly_is_caught(
    error: Exception | None, said: str, sound: type
) -> None:
    def predict(self: Any, model: Any, config: Any, state: Any, inputs: Any) -> Any:
        if error is not None:
            raise error
        return [{"height": 0.0} for _ in inputs]

    with pytest.raises(PluginError, match=said):
        rules.wrong_input_is_refused(Subject(with_method(sound, predict=predict)))


def with_method(sound: type, **methods: Any) -> Any:
    """A plugin that is sound but for these methods."""
    return type("Plugin", (sound,), methods)()


def with_task(sound: type, change: Callable[[Task], dict[str, Any]]) -> Any:
    """A plugin that is sound but for these parts of its task."""

    def build(self: Any, config: Any, generator: Generator) -> Task:
        task: Task = sound.build(self, config, generator)
        return dataclasses.replace(task, **change(task))

    return with_method(sound, build=build)


def imported(source: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(source.parent.name, source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # msgspec looks up the types of a struct there
    spec.loader.exec_module(module)
    return module
