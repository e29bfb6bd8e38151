"""The text plugin: the contract, what it learns, what it predicts and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from azuraforge_text import plugin
from azuraforge_text.config import TextConfig
from azuraforge_text.corpus import UNKNOWN
from azuraforge_text.sources import coriolanus

from azuraforge.engine import Generator
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.optim import Adam
from azuraforge.engine.train import Loop
from azuraforge.errors import ConfigError, DataError
from azuraforge.plugin import Task
from azuraforge.plugin_check import RULES, Subject
from azuraforge.schema.config import configure, values_of

SMALL = {
    "data.name": "coriolanus", "model.layers": 2, "model.heads": 2, "model.width": 16,
    "model.context": 24,
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_plugin_keeps_the_contract(rule: Callable[[Subject], None]) -> None:
    rule(Subject(plugin, SMALL))


@pytest.mark.parametrize(
    ("values", "epochs"),
    [
        ({}, 2),
        ({"data.name": "coriolanus"}, 20),
        ({"data.path": "any.txt"}, 10),
        ({"data.path": "any.txt", "training.epochs": "3"}, 3),
    ],
)
def test_epochs_follow_the_text_unless_they_are_given(values: dict[str, str], epochs: int) -> None:
    config = configure(TextConfig, values)

    assert config.training.epochs == epochs
    assert configure(TextConfig, values_of(config)) == config


def test_heads_that_cannot_share_the_width_are_refused_with_what_is_allowed() -> None:
    with pytest.raises(ConfigError, match=r"model\.width is 100; .* 3 heads: a multiple of 6"):
        configure(TextConfig, {"model.width": 100, "model.heads": 3})


def test_bits_are_the_cross_entropy_of_an_independent_softmax() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (4, 5, 7)).astype(np.float32)
    following = np.random.default_rng(1).integers(0, 7, (4, 5))
    metrics = plugin.build(configure(TextConfig, SMALL), Generator(0)).metrics

    found = metrics(logits, TensorDataset(np.zeros((4, 5), np.int64), following))

    shares = np.exp(logits.astype(np.float64))
    shares /= shares.sum(-1, keepdims=True)
    expected = -np.mean([math.log2(shares[i, j, following[i, j]]) for i, j in np.ndindex(4, 5)])
    assert found == {"bits_per_character": pytest.approx(expected, rel=1e-6)}


def test_a_file_is_read_as_well_as_a_text_by_name(tmp_path: Path) -> None:
    path = tmp_path / "play.txt"
    path.write_text(coriolanus(), "utf-8")

    by_name = plugin.build(configure(TextConfig, SMALL), Generator(0))
    by_path = plugin.build(configure(TextConfig, {**SMALL, "data.path": str(path)}), Generator(0))

    assert by_path.state == by_name.state
    for a, b in zip(by_path.test.arrays, by_name.test.arrays, strict=True):
        np.testing.assert_array_equal(a, b)


def test_characters_of_later_parts_alone_are_one_unknown_and_in_no_example(
    tmp_path: Path,
) -> None:
    text = coriolanus()
    end = len(text) - round(0.1 * len(text))
    path = tmp_path / "play.txt"
    path.write_text(text[:end] + text[end:].replace("e", "é").replace("!", "¡"), "utf-8")
    config = configure(TextConfig, {**SMALL, "data.path": str(path)})

    task = plugin.build(config, Generator(0))

    assert not set("é¡") & set(task.state["characters"])
    x = task.test.arrays[0]
    assert np.mean(x == UNKNOWN) == pytest.approx(
        text[end:].count("e") / (len(text) - end), rel=0.1
    )
    assert (task.train.arrays[0] != UNKNOWN).all()
    examples = plugin.examples(config, Generator(0), 5)
    assert not any(set("é¡") & set(e.input["prompt"] + e.truth) for e in examples)


def test_examples_are_pieces_of_the_test_part_and_what_follows_there() -> None:
    config = configure(TextConfig, SMALL)

    examples = plugin.examples(config, Generator(2), 20)

    test = coriolanus()[-round(0.1 * len(coriolanus())) :]
    assert len(examples) == 20
    assert all(example.input["prompt"] + example.truth in test for example in examples)
    other = plugin.examples(config, Generator(3), 20)
    assert examples != other  # other ones with every seed


GOOD = {"prompt": "All:\n", "length": 3}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (7, "Expected `object`, got `int`"),
        ("", r"Expected `str` of length >= 1 - at `\$\.prompt`"),
        ({"length": 5}, "Object missing required field `prompt`"),
        ({**GOOD, "length": 0}, r"Expected `int` >= 1 - at `\$\.length`"),
        ({**GOOD, "length": 10_001}, r"Expected `int` <= 10000 - at `\$\.length`"),
        ({**GOOD, "temperature": -0.1}, r"Expected `float` >= 0\.0 - at `\$\.temperature`"),
        ({**GOOD, "temperature": math.nan}, r"Expected `float` >= 0\.0 - at `\$\.temperature`"),
        ({**GOOD, "temperature": math.inf}, r"Expected `float` <= 100\.0 - at `\$\.temperature`"),
        ({**GOOD, "top_k": 0}, r"Expected `int` >= 1 - at `\$\.top_k`"),
        ({**GOOD, "seed": -1}, r"Expected `int` >= 0 - at `\$\.seed`"),
        ({**GOOD, "lenght": 3}, "Object contains unknown field `lenght`"),
    ],
)
def test_an_input_that_is_no_request_is_refused_with_its_index_and_what_is_allowed(
    wrong: Any, said: str
) -> None:
    with pytest.raises(DataError, match=rf"^input 1: {said}; allowed: a text, or an object of"):
        predictions([GOOD, wrong])


def test_a_prompt_of_characters_never_seen_is_refused_with_them_and_those_that_are_known() -> None:
    with pytest.raises(DataError) as refusal:
        predictions([GOOD, "Où est 7?"])

    told = "input 1: the prompt has '7ù', which the training text has not; allowed: the characters"
    assert str(refusal.value).startswith(told)


def test_three_passes_tell_more_than_how_frequent_characters_are() -> None:
    text = coriolanus()
    ours = trained(epochs=3)

    train, test = text[: round(0.8 * len(text))], text[-round(0.1 * len(text)) :]
    frequency = {c: train.count(c) / len(train) for c in set(train)}
    by_frequency = -np.mean([math.log2(frequency[c]) for c in test])
    assert ours["bits_per_character"] < by_frequency - 0.5


def test_a_dropout_set_meanwhile_is_that_of_the_next_step_replayed_or_not() -> None:
    replayed, eager = steps_around_a_change(), steps_around_a_change(is_eager=True)
    unchanged = steps_around_a_change(share=0.1)

    assert replayed == eager
    assert replayed[:6] == unchanged[:6]
    assert replayed[6:] != unchanged[6:]


def predictions(inputs: list[Any]) -> list[dict[str, Any]]:
    config = configure(TextConfig, SMALL)
    state = {"characters": "".join(sorted(set(coriolanus())))}
    return plugin.predict(plugin.model(config, state), config, state, inputs)


def trained(*, epochs: int) -> dict[str, float]:
    """The test metrics of a small model after so many passes."""
    config, generator = configure(TextConfig, {**SMALL, "model.width": 32}), Generator(0)
    task = plugin.build(config, generator)
    loop = loop_of(task, config, generator, epochs=epochs)
    list(loop)
    return loop.evaluate(task.test)


def loop_of(task: Task, config: TextConfig, generator: Generator, *, epochs: int) -> Loop:
    return Loop(
        model=task.model,
        optimizer=Adam(task.model.parameters(), lr=1e-2),
        loss=task.loss,
        metrics=task.metrics,
        train=task.train,
        validation=task.validation,
        monitor=task.monitor,
        mode=task.mode,
        epochs=epochs,
        batch_size=config.training.batch_size,
        generator=generator.child("loop"),
    )


def steps_around_a_change(*, share: float = 0.6, is_eager: bool = False) -> list[float]:
    """Losses of 12 steps at dropout 0.1, but `share` from the seventh on."""
    config = configure(TextConfig, {**SMALL, "model.dropout": 0.1})
    task = plugin.build(config, Generator(0))
    loop = loop_of(task, config, Generator(0), epochs=1)
    if is_eager:
        loop.gradients.captured.reason = "asked for"
    losses = []
    for step in islice(loop, 12):
        losses.append(step.loss)
        if len(losses) == 6:
            assert loop.gradients.captured.is_replayed != is_eager
            task.live["model.dropout"](share)
    return losses
