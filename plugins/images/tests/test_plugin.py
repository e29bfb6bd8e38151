"""The images plugin: the contract, what it learns, what it predicts and what it refuses."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
from azuraforge_images import plugin
from azuraforge_images.config import ImagesConfig
from azuraforge_images.sources import SOURCES, digits_file

from azuraforge.engine import Generator
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.optim import Adam
from azuraforge.engine.train import Loop
from azuraforge.errors import ConfigError, DataError
from azuraforge.plugin import Task
from azuraforge.plugin_check import RULES, Subject
from azuraforge.schema.config import configure, values_of


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_plugin_keeps_the_contract(rule: Callable[[Subject], None]) -> None:
    rule(Subject(plugin))


@pytest.mark.parametrize(
    ("values", "epochs"),
    [
        ({}, 50),
        ({"data.name": "mnist"}, 5),
        ({"data.name": "mnist", "training.epochs": "2"}, 2),
    ],
)
def test_epochs_follow_the_images_unless_they_are_given(
    values: dict[str, str], epochs: int
) -> None:
    config = configure(ImagesConfig, values)

    assert config.training.epochs == epochs
    assert configure(ImagesConfig, values_of(config)) == config


def test_images_that_nobody_knows_are_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="one of digits, mnist"):
        configure(ImagesConfig, {"data.name": "letters"})


def test_training_images_alone_decide_the_scaling() -> None:
    task = plugin.build(ImagesConfig(), Generator(1))

    x = task.train.arrays[0].astype(np.float64)
    assert abs(x.mean()) < 1e-5
    assert abs(x.std() - 1) < 1e-5
    splits = SOURCES["digits"].read(Generator(1).child("split"))
    assert task.state == {
        "mean": float(splits.train.images.mean()),
        "std": float(splits.train.images.std()),
    }


def test_accuracy_is_the_share_of_labels_that_were_found() -> None:
    outputs = np.eye(10, dtype=np.float32)[[3, 1, 4, 1]]
    rows = TensorDataset(np.zeros((4, 1, 8, 8)), np.array([3, 1, 4, 5]))
    task = plugin.build(ImagesConfig(), Generator(0))

    assert task.metrics(outputs, rows) == {"accuracy": 0.75}


def test_examples_are_raw_test_images_with_their_labels() -> None:
    examples = plugin.examples(ImagesConfig(), Generator(2), 20)

    test = SOURCES["digits"].read(Generator(2).child("split")).test
    labels = {image.tobytes(): label for image, label in zip(*test, strict=True)}
    found = [labels[np.array(example.input, np.uint8).tobytes()] for example in examples]
    assert [example.truth for example in examples] == found
    assert len(examples) == 20
    first = test.images[:20].tolist()
    assert [example.input for example in examples] != first  # other ones with every seed


def test_a_prediction_has_the_label_its_probability_and_those_of_all_labels() -> None:
    image = digits_file().images[0].tolist()

    (prediction,) = predictions([image])

    assert list(prediction) == ["label", "probability", "probabilities"]
    assert math.isclose(sum(prediction["probabilities"]), 1.0)
    assert prediction["probability"] == max(prediction["probabilities"])
    assert prediction["probabilities"][prediction["label"]] == prediction["probability"]


def test_a_dropout_set_meanwhile_is_that_of_the_next_step_replayed_or_not() -> None:
    replayed, eager = steps_around_a_change(), steps_around_a_change(is_eager=True)
    unchanged = steps_around_a_change(share=0.25)

    assert replayed == eager
    assert replayed[:6] == unchanged[:6]
    assert replayed[6:] != unchanged[6:]


GOOD = [[0] * 8 for _ in range(8)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([[0] * 8 for _ in range(7)], r"shape \(7, 8\)"),
        ([0] * 64, r"shape \(64,\)"),
        ([[0] * 8] * 7 + [[0] * 7], "rows of unequal length"),
        (7, r"shape \(\)"),
        ([["1"] * 8] * 8, "not all of it is numbers"),
        ([[True] * 8] * 8, "not all of it is numbers"),
        ([[None] + [0] * 7] + [[0] * 8] * 7, "not all of it is numbers"),
        ([[0] * 8] * 6 + [[0] * 7 + [17]] + [[0] * 8], "17 in row 6, column 7"),
        ([[-1] + [0] * 7] + [[0] * 8] * 7, "-1 in row 0, column 0"),
        ([[math.nan] + [0] * 7] + [[0] * 8] * 7, "nan in row 0, column 0"),
        ([[math.inf] + [0] * 7] + [[0] * 8] * 7, "inf in row 0, column 0"),
        ([[10**400] + [0] * 7] + [[0] * 8] * 7, "not all of it is numbers"),
    ],
)
def test_an_input_that_is_no_image_is_refused_with_its_index_and_what_is_allowed(
    wrong: Any, said: str
) -> None:
    allowed = "allowed: 8 rows of 8 numbers from 0 to 16"

    with pytest.raises(DataError, match=rf"^input 1: {said}.*; {allowed}"):
        predictions([GOOD, wrong])


def test_mnists_images_are_28_rows_of_28() -> None:
    config = configure(ImagesConfig, {"data.name": "mnist"})
    state = {"mean": 33.3, "std": 78.6}
    model = plugin.model(config, state)

    assert len(plugin.predict(model, config, state, [[[255] * 28] * 28])) == 1
    with pytest.raises(DataError, match="28 rows of 28 numbers from 0 to 255"):
        plugin.predict(model, config, state, [GOOD])


def test_ten_passes_tell_nine_of_ten_digits_apart() -> None:
    task, loop = trained(seed=0, epochs=10)

    assert loop.evaluate(task.test)["accuracy"] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_with_the_defaults_97_of_100_digits_are_told_apart(seed: int) -> None:
    task, loop = trained(seed=seed, epochs=ImagesConfig().training.epochs)
    task.model.load_state_dict(loop.best_weights)

    assert loop.evaluate(task.test)["accuracy"] >= 0.97


def predictions(inputs: list[Any]) -> list[dict[str, Any]]:
    config = ImagesConfig()
    state = {"mean": 4.9, "std": 6.0}
    return plugin.predict(plugin.model(config, state), config, state, inputs)


def trained(*, seed: int, epochs: int) -> tuple[Task, Loop]:
    task, loop = loop_of(seed=seed, epochs=epochs)
    list(loop)
    return task, loop


def loop_of(*, seed: int, epochs: int) -> tuple[Task, Loop]:
    config, generator = ImagesConfig(), Generator(seed)
    task = plugin.build(config, generator)
    loop = Loop(
        model=task.model,
        optimizer=Adam(task.model.parameters(), lr=config.optim.lr),
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
    return task, loop


def steps_around_a_change(*, share: float = 0.6, is_eager: bool = False) -> list[float]:
    """Losses of 9 steps, the dropout made `share` after the sixth."""
    task, loop = loop_of(seed=0, epochs=1)
    if is_eager:
        loop.gradients.captured.reason = "asked for"
    losses = []
    for step in islice(loop, 9):
        losses.append(step.loss)
        if len(losses) == 6:
            assert loop.gradients.captured.is_replayed != is_eager
            task.live["model.dropout"](share)
    return losses
