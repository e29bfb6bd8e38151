from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from azuraforge.errors import ConfigError, FieldProblem
from azuraforge.schema.config import (
    ConfigField,
    OptimizerConfig,
    PluginConfig,
    ScheduleConfig,
    TrainingConfig,
    configure,
    fields_of,
    values_of,
)


class LayerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A nested part of a plugin's own."""

    width: Annotated[int, Meta(ge=1, le=512, description="units")] = 32
    kernel: Literal[3, 5] = 3


class SampleConfig(PluginConfig, frozen=True, kw_only=True):
    """Every kind of field, and a default of the shared part changed."""

    optim: OptimizerConfig = OptimizerConfig(name="sgd", lr=0.1, momentum=0.9)
    layer: LayerConfig = LayerConfig()
    scale: float = 1.0
    limit: Annotated[int, Meta(ge=1)] | None = None
    note: str = ""
    shuffle: bool = True
    columns: list[str] = msgspec.field(default_factory=list)


class RequiredConfig(PluginConfig, frozen=True, kw_only=True):
    """A field nobody can guess."""

    path: Annotated[str, Meta(min_length=1)]


unit = st.floats(0, 1, exclude_max=True)
configs = st.builds(
    SampleConfig,
    optim=st.builds(
        OptimizerConfig,
        name=st.sampled_from(["adam", "adamw", "sgd"]),
        lr=st.floats(0, 100, exclude_min=True),
        momentum=unit,
        weight_decay=unit,
    ),
    training=st.builds(
        TrainingConfig,
        epochs=st.integers(1, 100_000),
        batch_size=st.integers(1, 1_000_000),
        clip_norm=st.none() | st.floats(0, 1e30, exclude_min=True),
        patience=st.none() | st.integers(1, 100_000),
        on_nan=st.sampled_from(["fail", "rollback"]),
    ),
    schedule=st.builds(
        ScheduleConfig,
        name=st.sampled_from(["constant", "linear", "cosine", "step", "exponential", "plateau"]),
        min_factor=st.floats(0, 1),
    ),
    layer=st.builds(LayerConfig, width=st.integers(1, 512), kernel=st.sampled_from([3, 5])),
    scale=st.floats(allow_nan=False, allow_infinity=False),
    limit=st.none() | st.integers(1, 2**62),
    note=st.text(),
    shuffle=st.booleans(),
    columns=st.lists(st.text(st.characters(codec="utf-8"))),
)
PATHS = [field.path for field in fields_of(SampleConfig)]
BAD: dict[str, list[Any]] = {  # a value of the wrong type, out of range, and a text like them
    "optim.name": ["rmsprop", 1, None],
    "optim.lr": [0, "0", -1.0, 101, True, "fast", "", None],
    "optim.momentum": [1, "1.0", -0.1],
    "training.epochs": [0, 1.5, "1.5", "many", 10**30, [1]],
    "layer.width": [513, "513", True],
    "layer.kernel": [4, "4", "three"],
    "scale": ["one", {"x": 1}, None],
    "limit": [0, "0", 5.5, ""],
    "note": [5, None, ["a"]],
    "shuffle": [1, "yes", "on"],
    "columns": ["a,b", "[1]", "[", [None], "null"],
}
one_bad = st.sampled_from([(path, value) for path, values in BAD.items() for value in values])
unknown_keys = st.sampled_from(["lr", "optim.rate", "layer.width.x", "layers", "", "optim", "."])


def flat(config: SampleConfig) -> dict[str, Any]:
    """The config's values by dotted path."""
    found = {}
    for path in PATHS:
        value: Any = config
        for name in path.split("."):
            value = getattr(value, name)
        found[path] = value
    return found


def typed(value: Any) -> str:
    """The value as a person would type it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def problems_of(config: type[Struct], values: dict[str, Any]) -> dict[str, FieldProblem]:
    with pytest.raises(ConfigError) as refused:
        configure(config, values)
    return {problem.path: problem for problem in refused.value.problems}


@given(config=configs)
def test_the_values_of_a_config_configure_an_equal_one(config):
    values = json.loads(json.dumps(values_of(config)))  # through a spec's JSON, too

    assert configure(SampleConfig, values) == config


@given(config=configs)
def test_dotted_paths_say_the_same_as_nested_values(config):
    assert configure(SampleConfig, flat(config)) == config


@given(config=configs)
def test_texts_are_read_as_the_type_of_their_field(config):
    texts = {path: typed(value) for path, value in flat(config).items()}

    assert configure(SampleConfig, texts) == config


@given(config=configs, chosen=st.sets(st.sampled_from(PATHS)))
def test_what_is_not_given_keeps_the_default_this_config_declares(config, chosen):
    given_values = {path: value for path, value in flat(config).items() if path in chosen}

    configured = configure(SampleConfig, given_values)

    assert flat(configured) == flat(SampleConfig()) | given_values


def test_a_default_changed_for_the_shared_part_stays_when_its_neighbour_is_set():
    configured = configure(SampleConfig, {"optim.lr": 0.5, "optim": {"weight_decay": "0.01"}})

    assert configured.optim == OptimizerConfig(name="sgd", lr=0.5, momentum=0.9, weight_decay=0.01)


@given(
    bad=st.dictionaries(st.sampled_from(sorted(BAD)), st.integers(0, 100)),
    unknown=st.sets(unknown_keys),
)
def test_every_bad_value_and_every_unknown_key_is_told_at_once(bad, unknown):
    values = {path: BAD[path][index % len(BAD[path])] for path, index in bad.items()}
    values |= dict.fromkeys(unknown, 1)
    assume(values)

    problems = problems_of(SampleConfig, values)

    assert problems.keys() == values.keys()
    assert all(problem.value == values[path] for path, problem in problems.items())
    assert all(problem.allowed for problem in problems.values())


@given(bad=one_bad)
def test_a_problem_names_the_path_the_value_and_what_is_allowed(bad):
    path, value = bad
    field = next(field for field in fields_of(SampleConfig) if field.path == path)

    with pytest.raises(ConfigError) as refused:
        configure(SampleConfig, {path: value})

    assert refused.value.problems == ((path, value, f"allowed: {field.allowed}"),)
    assert str(refused.value) == f"{path}: got {value!r}; allowed: {field.allowed}"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("optim.lr", "a number > 0 and <= 100"),
        ("optim.name", "one of adam, adamw, sgd"),
        ("training.epochs", "a whole number >= 1 and <= 100000"),
        ("layer.kernel", "one of 3, 5"),
        ("limit", "a whole number >= 1 or none"),
        ("shuffle", "true or false"),
        ("columns", "JSON"),
    ],
)
def test_what_is_allowed_is_told_in_words(path, allowed):
    told = {field.path: field.allowed for field in fields_of(SampleConfig)}

    assert told[path] == allowed


@pytest.mark.parametrize("path", ["optim.lr", "optim.momentum", "scale"])
@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_nan_and_inf_are_no_numbers_with_bounds_or_without(path, number):
    assert problems_of(SampleConfig, {path: float(number)}).keys() == {path}
    assert problems_of(SampleConfig, {path: number}).keys() == {path}


@pytest.mark.parametrize("text", ["none", "None", "null"])
def test_none_can_be_typed_where_it_is_allowed_and_is_a_text_elsewhere(text):
    configured = configure(SampleConfig, {"limit": text, "note": text})

    assert configured.limit is None
    assert configured.note == text


def test_an_unknown_key_is_told_with_the_likely_and_the_known_ones():
    problem = problems_of(SampleConfig, {"optim.learning": 1, "layer.widht": 8})["layer.widht"]

    assert problem.allowed.endswith("did you mean layer.width?")
    assert "optim.lr" in problem.allowed


def test_a_value_for_a_group_is_told_with_what_is_in_it():
    problem = problems_of(SampleConfig, {"layer": 5})["layer"]

    assert problem.allowed == "not a value but a group of layer.width, layer.kernel"


def test_a_required_field_is_asked_for_together_with_the_other_problems():
    problems = problems_of(RequiredConfig, {"optim.lr": -1})

    assert problems.keys() == {"path", "optim.lr"}
    assert problems["path"].allowed == "required: a text at least 1 long"
    assert configure(RequiredConfig, {"path": "a.csv"}).path == "a.csv"


def test_fields_come_in_the_order_declared_with_the_defaults_of_this_config():
    fields = {field.path: field for field in fields_of(SampleConfig)}

    assert list(fields) == [
        *("optim.name", "optim.lr", "optim.momentum", "optim.weight_decay"),
        *("schedule.name", "schedule.warmup_steps", "schedule.min_factor", "schedule.gamma"),
        *("schedule.step_size", "schedule.patience"),
        *("training.epochs", "training.batch_size", "training.accumulate", "training.clip_norm"),
        *("training.ema", "training.patience", "training.min_delta", "training.on_nan"),
        *("training.validate_every", "training.statistics_every"),
        *("layer.width", "layer.kernel"),
        *("scale", "limit", "note", "shuffle", "columns"),
    ]
    assert fields["optim.lr"].default == 0.1
    assert fields["layer.width"].description == "units"
    assert (fields["layer.kernel"].kind, fields["layer.kernel"].choices) == ("choice", [3, 5])
    assert (fields["limit"].kind, fields["limit"].optional) == ("int", True)
    assert fields["columns"].kind == "json"


def test_what_may_be_set_while_a_run_is_on_is_marked_live():
    class LiveConfig(PluginConfig, frozen=True, kw_only=True):
        noise: Annotated[float, Meta(ge=0, extra={"live": True})] | None = None
        seed: Annotated[int, Meta(ge=0, extra={"unit": "bits"})] = 0

    live = {field.path for field in fields_of(LiveConfig) if field.live}

    assert live == {
        *("optim.lr", "optim.momentum", "optim.weight_decay"),
        *("training.epochs", "training.clip_norm", "training.patience"),
        *("training.statistics_every", "noise"),
    }


def test_fields_cross_to_another_process_as_json():
    fields = fields_of(SampleConfig)

    again = msgspec.json.decode(msgspec.json.encode(fields), type=list[ConfigField])

    assert again == fields


def test_a_number_may_be_written_without_a_digit_before_or_after_the_point():
    short = configure(PluginConfig, {"optim.lr": ".5", "optim.momentum": "0."})

    assert (short.optim.lr, short.optim.momentum) == (0.5, 0.0)


def test_what_a_config_itself_does_not_allow_is_a_config_error_in_its_own_words():
    class Even(Struct, frozen=True, kw_only=True):
        width: int = 2

        def __post_init__(self) -> None:
            if self.width % 2:
                raise ValueError(f"width: got {self.width}; allowed: an even number")

    with pytest.raises(ConfigError, match="width: got 3; allowed: an even number"):
        configure(Even, {"width": "3"})
