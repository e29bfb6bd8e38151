from __future__ import annotations

import re
import shlex
from typing import Annotated, Any, Literal

import pytest
from azuraforge_tui.form import (
    DEVICE,
    RUN_FIELDS,
    SEED,
    command,
    default_text,
    draft,
    read,
    spec_of,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from azuraforge.schema.config import ConfigField, PluginConfig, configure, fields_of


class DataConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: str
    name: Literal["digits", "mnist"] = "digits"
    note: str = ""
    column: str | None = "close"
    limit: int | None = None
    share: float = 1
    scale: float | None = None
    bits: Literal[8, 16] = 8
    shuffle: bool = True
    mirror: bool | None = None
    size: tuple[int, ...] = (8, 8)
    labels: dict[str, int] = {}


class EveryKind(PluginConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    data: DataConfig
    width: Annotated[int, Meta(ge=1)] = 32


FIELDS = [*fields_of(EveryKind), *RUN_FIELDS]
BY_PATH = {field.path: field for field in FIELDS}

# What a person can type into one row: no control characters (a terminal keeps those to itself).
typed = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
whole = st.integers(-(2**63), 2**63 - 1).map(str)
real = st.floats(allow_nan=False, allow_infinity=False).map(repr)


def texts_of(field: ConfigField) -> st.SearchStrategy[str]:
    """Texts that read as the field's kind."""
    texts = {
        "str": typed.filter(bool) if field.required else typed,
        "int": st.integers(0, 2**63 - 1).map(str) if field in (SEED, BY_PATH["width"]) else whole,
        "float": real | whole,
        "bool": st.sampled_from(["true", "false", "True", " FALSE "]),
        "choice": st.sampled_from([str(choice) for choice in field.choices]),
        "json": st.sampled_from(["[]", "[1, 2]"] if "size" in field.path else ["{}", '{"a b": 1}']),
    }[field.kind]
    return texts | st.just("") if field.optional else texts


# Bounds are the plugin's, so the service's, to check: the form sends what it cannot judge.
bounded = ("optim", "schedule", "training", "width")
unbounded = [field for field in FIELDS if not field.path.startswith(bounded)]


@given(st.fixed_dictionaries({field.path: texts_of(field) for field in unbounded}))
def test_the_command_shown_gives_the_config_the_form_sends(texts):
    values = draft(FIELDS, texts).values

    line = command("stock", FIELDS, values)
    spec = spec_of("stock", values)

    arguments = shlex.split(line)
    assert arguments[:3] == ["azuraforge", "train", "stock"]
    options = list(zip(arguments[3::2], arguments[4::2], strict=True))
    settings = dict(text.split("=", 1) for option, text in options if option == "--set")
    assert configure(EveryKind, settings) == configure(EveryKind, spec.config)
    others = {option: text for option, text in options if option != "--set"}
    assert spec.seed == int(others.get("--seed", 0))
    assert spec.device == others.get("--device", "cpu")


@given(st.fixed_dictionaries({field.path: texts_of(field) for field in unbounded}))
def test_what_the_form_sends_is_what_was_typed(texts):
    config = configure(EveryKind, spec_of("stock", draft(FIELDS, texts).values).config)

    assert config.data.path == texts["data.path"]
    assert config.data.note == texts["data.note"]
    assert config.data.limit == (int(texts["data.limit"]) if texts["data.limit"] else None)
    assert config.data.share == float(texts["data.share"])
    assert str(config.data.bits) == texts["data.bits"]


def test_an_untouched_form_changes_nothing_but_what_must_be_given():
    values = draft(FIELDS, {"data.path": "a b.csv"}).values

    assert values == {"data.path": "a b.csv"}
    assert command("stock", FIELDS, values) == "azuraforge train stock --set 'data.path=a b.csv'"


def test_a_value_typed_back_to_its_default_is_not_changed():
    texts = {"data.path": "x", "optim.lr": "1e-3", "data.share": "1.0", "data.size": "[8,8]"}

    assert draft(FIELDS, texts) == ({"data.path": "x"}, {})


def test_every_problem_is_told_at_once():
    texts = {"optim.lr": "fast", "training.epochs": "1.5", "data.shuffle": "maybe"}

    problems = draft(FIELDS, texts).problems

    assert problems == {
        "optim.lr": "allowed: a number > 0 and <= 100",
        "training.epochs": "allowed: a whole number >= 1 and <= 100000",
        "data.path": "required: a text",
        "data.shuffle": "allowed: true or false",
    }


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("training.epochs", "many"),
        ("training.epochs", "1.5"),
        ("training.epochs", ""),
        ("training.epochs", str(2**63)),
        ("optim.lr", "nan"),
        ("optim.lr", "1e999"),
        ("optim.lr", ""),
        ("optim.name", "lion"),
        ("data.path", ""),
        ("data.shuffle", "yes"),
        ("data.size", "[1, 2"),
        ("data.bits", "12"),
        ("--seed", "-1"),
        ("--device", "tpu"),
    ],
)
def test_a_text_of_another_kind_is_a_problem_that_says_what_is_allowed(path, text):
    with pytest.raises(ValueError, match=re.escape(BY_PATH[path].allowed)):
        read(BY_PATH[path], text)


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("training.epochs", " 12 ", 12),
        ("training.epochs", "1_000", 1000),
        ("optim.lr", "1e-3", 0.001),
        ("data.limit", "", None),
        ("data.note", "", ""),
        ("data.column", "", None),
        ("data.size", "[3, 4]", [3, 4]),
        ("data.bits", "16", 16),
    ],
)
def test_a_text_is_read_as_its_field(path, text, value):
    got: Any = read(BY_PATH[path], text)

    assert got == value


def test_the_defaults_shown_read_as_the_defaults():
    texts = {
        field.path: default_text(field) for field in fields_of(EveryKind) if not field.required
    }

    typed_out = {path: text or "none" for path, text in texts.items() if path != "data.note"}

    assert configure(EveryKind, {"data.path": "x", **typed_out}) == EveryKind(
        data=DataConfig(path="x")
    )


def test_seed_and_device_are_options_of_their_own():
    values = {SEED.path: 7, DEVICE.path: "cuda"}

    assert command("images", RUN_FIELDS, values) == "azuraforge train images --seed 7 --device cuda"
    assert spec_of("images", values).seed == 7
    assert spec_of("images", values).config == {}
