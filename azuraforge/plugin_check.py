"""The plugin contract as tests: call `check(plugin)`, or give `RULES` to pytest one by one.

    @pytest.mark.parametrize("rule", plugin_check.RULES, ids=lambda rule: rule.__name__)
    def test_the_plugin_keeps_the_contract(rule):
        rule(plugin_check.Subject(plugin, {"data.path": "prices.csv"}))

A subject takes the values under which the plugin is to be checked: the required fields at least,
and what makes building fast, for several rules build the task.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any

import msgspec
import numpy as np

from azuraforge.engine.data import TensorDataset
from azuraforge.engine.device import Array
from azuraforge.engine.grad.autograd import no_grad
from azuraforge.engine.optim import SGD
from azuraforge.engine.random import Generator, using
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DataError, PluginError
from azuraforge.plugin import Example, Plugin, Task
from azuraforge.schema.config import PluginConfig, configure, fields_of, values_of
from azuraforge.schema.specs import ModelName

SPLITS = ("train", "validation", "test")
ROWS = 32  # taken of a split where a rule needs a batch
SHARED_ROWS = 0.1  # of a split: data may hold equal rows, a split of its own has few
ENTRIES = 3  # of each parameter compared with finite differences


def check(plugin: Plugin[Any], values: Mapping[str, Any] | None = None) -> None:
    """Hold the plugin against every rule, under the config that `values` give.

    Raises: PluginError naming the rule that is broken, and what to do.
    """
    subject = Subject(plugin, values or {})
    for rule in RULES:
        rule(subject)


@dataclass(frozen=True)
class Subject:
    """A plugin under one config and seed; what several rules need of it is made once."""

    plugin: Plugin[Any]
    values: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    @cached_property
    def config(self) -> PluginConfig:
        config: PluginConfig = configure(self.plugin.config, self.values)
        return config

    @cached_property
    def task(self) -> Task:
        return self.build(self.seed)

    @cached_property
    def examples(self) -> list[Example]:
        return self.plugin.examples(self.config, Generator(self.seed), 3)

    def build(self, seed: int) -> Task:
        return self.plugin.build(self.config, Generator(seed))

    def predict(self, inputs: Sequence[Any]) -> list[dict[str, Any]]:
        model = self.task.model.eval()
        return self.plugin.predict(model, self.config, self.task.state, inputs)

    def need(self, holds: bool, what: str) -> None:
        """Raises: PluginError, saying `what` to do, unless it holds."""
        if not holds:
            raise PluginError(f"plugin {getattr(self.plugin, 'name', self.plugin)!r}: {what}")


def attributes_are_there(subject: Subject) -> None:
    """name, summary and version are texts; config extends PluginConfig; the methods are there."""
    plugin = subject.plugin
    for name in ("name", "summary", "version"):
        text = getattr(plugin, name, None)
        is_line = isinstance(text, str) and text.strip() != "" and "\n" not in text
        subject.need(is_line, f"{name} is {text!r}; make it one line of text")
    config = getattr(plugin, "config", None)
    subject.need(
        isinstance(config, type) and issubclass(config, PluginConfig),
        f"config is {config!r}; make it a subclass of azuraforge.schema.config.PluginConfig",
    )
    for name in ("build", "model", "predict", "examples"):
        subject.need(callable(getattr(plugin, name, None)), f"{name} is missing; write that method")


def config_reads_back(subject: Subject) -> None:
    """Every field has a default, or a value here; a config is plain JSON and reads back equal."""
    plugin = subject.plugin
    try:
        config = subject.config
    except ConfigError as error:
        required = [f.path for f in fields_of(plugin.config) if f.required] or ["none"]
        raise PluginError(
            f"plugin {plugin.name!r}: the config cannot be made ({error}); give a default to each "
            f"field, or values for the required ones ({', '.join(required)}) to the check"
        ) from error
    again = configure(plugin.config, _through_json(values_of(config)))
    subject.need(again == config, f"config {config} reads back as {again}; use JSON's types")


def building_is_repeatable(subject: Subject) -> None:
    """Data and weights are a function of config and generator, and of nothing else."""
    with using(Generator(1)):
        first = subject.build(subject.seed)
    with using(Generator(2)):  # another default, and any global generator has moved on
        second = subject.build(subject.seed)
    for name, a, b in _arrays_of(first, second):
        subject.need(
            np.array_equal(a, b),
            f"two builds from one seed differ in {name}; draw everything from the generator that "
            f"build is given, layers within `with using(generator.child('weights')):`",
        )
    subject.need(first.state == second.state, "two builds from one seed differ in Task.state")
    other = subject.build(subject.seed + 1).model.state_dict()
    subject.need(
        any(not np.array_equal(a, other[key]) for key, a in first.model.state_dict().items()),
        "another seed gives the same weights; initialise the model from the generator",
    )


def names_are_usable(subject: Subject) -> None:
    """A task's name can be a model's; unit, mode and monitor are as Task says."""
    task = subject.task
    try:
        msgspec.convert(task.name, ModelName)
    except msgspec.ValidationError as error:
        subject.need(False, f"Task.name is {task.name!r}, no name for a model: {error}")
    subject.need(task.mode in ("min", "max"), f"Task.mode is {task.mode!r}; allowed: min, max")
    subject.need(task.unit.isidentifier(), f"Task.unit is {task.unit!r}; use a plural: images")


def live_settings_take_effect(subject: Subject) -> None:
    """Task.live has a function for each setting that the plugin's own config declares live."""
    shared = {field.path for field in fields_of(PluginConfig)}
    live = {field.path for field in fields_of(subject.plugin.config) if field.live} - shared
    found = set(subject.task.live)
    subject.need(
        found == live,
        f"Task.live has {', '.join(sorted(found)) or 'nothing'}, the config declares "
        f"{', '.join(sorted(live)) or 'nothing'} live beside what every run has; make "
        f"them alike",
    )
    for path, change in subject.build(subject.seed).live.items():
        change(reduce(getattr, path.split("."), subject.config))


def splits_are_apart(subject: Subject) -> None:
    """No split is empty, all have arrays alike, and none shares its rows with another."""
    seen: dict[bytes, str] = {}
    kinds = [(a.dtype, a.shape[1:]) for a in subject.task.train.arrays]
    for name in SPLITS:
        split: TensorDataset = getattr(subject.task, name)
        subject.need(len(split) > 0, f"the {name} split is empty; give it rows")
        found = [(a.dtype, a.shape[1:]) for a in split.arrays]
        subject.need(
            found == kinds and len(found) >= 2,
            f"the arrays of {name} are {found}, those of train {kinds}; make them alike, the "
            f"input first, the target second",
        )
        rows = [b"".join(np.ascontiguousarray(a).tobytes() for a in row) for row in _rows(split)]
        shared = sum(row in seen for row in rows)
        other = next((seen[row] for row in rows if row in seen), "")
        subject.need(
            shared <= SHARED_ROWS * len(rows),
            f"{shared} of {len(rows)} {name} rows are also in {other}; split the rows, then make "
            f"samples of them",
        )
        seen |= dict.fromkeys(rows, name)


def data_is_finite(subject: Subject) -> None:
    """No split holds NaN or Inf."""
    for name in SPLITS:
        for i, array in enumerate(getattr(subject.task, name).arrays):
            subject.need(
                array.dtype.kind != "f" or bool(np.isfinite(array).all()),
                f"array {i} of {name} holds NaN or Inf; refuse such data with a DataError",
            )


def every_parameter_learns(subject: Subject) -> None:
    """One step on training rows, whose input needs no gradient, changes every parameter."""
    task = subject.build(subject.seed)
    before = {key: array.copy() for key, array in task.model.state_dict().items()}
    with using(Generator(subject.seed)):
        loss = _loss(task, *task.train[:ROWS][:2], training=True)
    subject.need(loss.shape == (), f"the loss has shape {loss.shape}; make it a mean, shape ()")
    loss.backward()
    SGD(task.model.parameters(), lr=1.0).step()
    for key, parameter in task.model.named_parameters():
        has_gradient = parameter.grad is not None and bool(np.isfinite(parameter.grad.data).all())
        subject.need(
            has_gradient and not np.array_equal(before[key], parameter.data),
            f"parameter {key} gets no finite gradient; use it in forward, with operations of "
            f"tensors only, or leave it out",
        )


def gradients_are_right(subject: Subject) -> None:
    """In float64, a few entries of each parameter's gradient equal finite differences."""
    task = subject.build(subject.seed)
    task.model.double()
    x, target = (_as_float64(array) for array in task.train[:ROWS][:2])
    _loss(task, x, target).backward()
    for key, parameter in task.model.named_parameters():
        grad = parameter.grad
        found = np.zeros(parameter.shape) if grad is None else grad.data
        for at in _largest(found):
            expected = _difference(task, parameter.data, at, x, target)
            subject.need(
                bool(np.isclose(found[at], expected, rtol=1e-3, atol=1e-7)),
                f"the gradient of {key} at {at} is {found[at]:.6g}, differences give "
                f"{expected:.6g}; look at the operations between it and the loss",
            )


def metrics_are_numbers(subject: Subject) -> None:
    """Metrics of whole splits and of a batch are finite; the monitored one is among them."""
    task = subject.task
    task.model.eval()
    for name in SPLITS:
        rows: TensorDataset = getattr(task, name).subset(slice(0, ROWS))
        with no_grad():
            outputs = task.model(Tensor(rows.arrays[0])).numpy()
        metrics = task.metrics(outputs, rows)
        for key, value in metrics.items():
            is_number = isinstance(value, float) and math.isfinite(value)  # type: ignore[redundant-expr]
            subject.need(
                is_number,
                f"metric {key} of {name} rows is {value!r}; return a finite Python float",
            )
        subject.need(
            task.monitor in {"loss", *metrics},
            f"Task.monitor is {task.monitor!r}; allowed: loss, {', '.join(metrics)}",
        )


def state_is_plain(subject: Subject) -> None:
    """Task.state is JSON, and the same after a round trip."""
    subject.need(
        _is_plain(subject.task.state),
        f"Task.state {subject.task.state} is not the same after a round trip through JSON; use "
        f"finite numbers, texts, lists and dicts with text keys, .tolist() for arrays",
    )


def weights_fit_a_fresh_model(subject: Subject) -> None:
    """model(config, state) has the parameters that build's model has, and then its predictions."""
    task, plugin = subject.task, subject.plugin
    state = _through_json(task.state)
    model = plugin.model(subject.config, state)
    own = {key: array.shape for key, array in model.state_dict().items()}
    built = {key: array.shape for key, array in task.model.state_dict().items()}
    subject.need(
        own == built,
        f"model() has the parameters {own}, build() {built}; let build() call model()",
    )
    model.load_state_dict(task.model.state_dict())
    inputs = [example.input for example in subject.examples]
    restored = plugin.predict(model.eval(), subject.config, state, inputs)
    subject.need(
        _alike(restored, subject.predict(inputs)),
        "a restored model predicts otherwise; put what predict needs into Task.state",
    )


def predictions_are_plain(subject: Subject) -> None:
    """One JSON object per input, the same one by one as all at once; none for none."""
    inputs = [example.input for example in subject.examples]
    subject.need(0 < len(inputs) <= 3, f"examples(count=3) gives {len(inputs)}; give up to count")
    subject.need(_is_plain(inputs), "an example's input is not JSON; predict is called over HTTP")
    together = subject.predict(inputs)
    subject.need(
        len(together) == len(inputs) and all(together),
        f"predict gives {len(together)} predictions for {len(inputs)} inputs; one each is due",
    )
    plain = _is_plain(together) and isinstance(together[0], dict)
    subject.need(plain, f"prediction {together[0]} is no JSON object; use a dict, float(), .item()")
    alone = [prediction for value in inputs for prediction in subject.predict([value])]
    subject.need(
        _alike(alone, together),
        f"one by one the predictions are {alone}, together {together}; an input's prediction must "
        f"not depend on its neighbours",
    )
    subject.need(subject.predict([]) == [], "predict([]) is not []; answer nothing with nothing")


def examples_are_repeatable(subject: Subject) -> None:
    """The same generator gives the same examples."""
    again = subject.plugin.examples(subject.config, Generator(subject.seed), 3)
    subject.need(
        again == subject.examples,
        "two calls of examples differ; draw from the generator that it is given",
    )


def wrong_input_is_refused(subject: Subject) -> None:
    """None, NaN and an example with a NaN in it are DataErrors that say which input it is."""
    good = subject.examples[0].input
    for wrong in (None, math.nan, _with_nan(good)):
        try:
            answer: Any = subject.predict([good, wrong])
        except DataError as error:
            subject.need("1" in str(error), f"{error}: say which input is wrong, by its index 1")
            continue
        except Exception as error:  # noqa: BLE001  (whatever a stranger's code raises)
            answer = error
        subject.need(
            False, f"predict of {str(wrong)[:80]} gives {answer!r}; raise a DataError that says why"
        )


RULES = (
    attributes_are_there,
    config_reads_back,
    building_is_repeatable,
    names_are_usable,
    live_settings_take_effect,
    splits_are_apart,
    data_is_finite,
    every_parameter_learns,
    gradients_are_right,
    metrics_are_numbers,
    state_is_plain,
    weights_fit_a_fresh_model,
    predictions_are_plain,
    examples_are_repeatable,
    wrong_input_is_refused,
)


def _through_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


def _is_plain(value: Any) -> bool:
    try:
        return bool(_through_json(value) == value)
    except (TypeError, ValueError):
        return False


def _alike(a: Any, b: Any) -> bool:
    """Equal, but for the last digits of floats: a batch is summed in another order."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_alike(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_alike, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-4)
    return bool(a == b)


def _with_nan(value: Any) -> Any:
    """The value with its first number made NaN; NaN where there is none."""
    if isinstance(value, list | tuple) and value:
        return [_with_nan(value[0]), *value[1:]]
    if isinstance(value, dict) and value:
        key = next(iter(value))
        return {**value, key: _with_nan(value[key])}
    return math.nan


def _rows(split: TensorDataset) -> Sequence[tuple[Array, ...]]:
    return [split[i : i + 1] for i in range(len(split))]


def _arrays_of(first: Task, second: Task) -> list[tuple[str, Array, Array]]:
    found = [
        (f"array {i} of {name}", a, b)
        for name in SPLITS
        for i, (a, b) in enumerate(
            zip(getattr(first, name).arrays, getattr(second, name).arrays, strict=True)
        )
    ]
    weights = second.model.state_dict()
    return found + [(key, a, weights[key]) for key, a in first.model.state_dict().items()]


def _loss(task: Task, x: Array, target: Array, *, training: bool = False) -> Tensor:
    return task.loss(task.model.train(training)(Tensor(x)), target)


def _as_float64(array: Array) -> Array:
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _largest(gradient: Array) -> list[tuple[int, ...]]:
    """Where the gradient says most; a zero may hide a kink on either side."""
    places = np.argsort(-np.abs(gradient), axis=None)[:ENTRIES]
    return [tuple(int(i) for i in np.unravel_index(place, gradient.shape)) for place in places]


def _difference(task: Task, w: Array, at: tuple[int, ...], x: Array, target: Array) -> float:
    """The central difference of the loss by one entry of a parameter."""
    kept, step = float(w[at]), 1e-6
    w[at] = kept + step
    above = _loss(task, x, target).item()
    w[at] = kept - step
    below = _loss(task, x, target).item()
    w[at] = kept
    return (above - below) / (2 * step)
