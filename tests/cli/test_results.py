from __future__ import annotations

import pytest
from msgspec import structs

from azuraforge.cli.results import (
    better,
    metrics_table,
    predictions_table,
    registration,
    verdict,
)
from azuraforge.plugin import Example
from azuraforge.schema.records import ModelVersion


def version(number: int, accuracy: float) -> ModelVersion:
    return ModelVersion(
        name="images",
        version=number,
        run="r",
        plugin="images",
        config={},
        weights="0" * 64,
        monitor="accuracy",
        mode="max",
        validation={"accuracy": accuracy},
        test={"accuracy": accuracy},
        created_at=0.0,
    )


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_metrics_without_a_baseline_are_one_column() -> None:
    text = metrics_table({"loss": 0.1, "accuracy": 0.975}, "accuracy", "max")

    assert rows(text) == [["metric", "model"], ["loss", "0.1000"], ["accuracy", "0.9750"]]


def test_a_baseline_stands_beside_its_metric_and_where_it_wins_that_is_said() -> None:
    metrics = {
        "loss": 0.2,
        "mae": 2.0,
        "r2": 0.9,
        "persistence_mae": 1.5,
        "persistence_r2": 0.8,
    }

    text = metrics_table(metrics, "loss", "min")

    assert rows(text)[:4] == [
        ["metric", "model", "persistence", "better"],
        ["loss", "0.2000", "-"],
        ["mae", "2.0000", "1.5000", "persistence"],
        ["r2", "0.9000", "0.8000", "model"],
    ]
    assert text.endswith("The persistence baseline beats the model on mae.")


def test_a_model_that_is_never_beaten_is_told_so() -> None:
    text = metrics_table({"accuracy": 0.9, "majority_accuracy": 0.1}, "accuracy", "max")

    assert text.endswith("The model is not beaten by its baseline on any metric.")


def test_a_metric_of_the_baseline_alone_is_shown_too() -> None:
    text = metrics_table(
        {"mae": 1.0, "persistence_mae": 2.0, "persistence_rmse": 3.0}, "mae", "min"
    )

    assert ["rmse", "-", "3.0000"] in rows(text)


@pytest.mark.parametrize(
    ("metric", "mode", "winner"),
    [
        ("rmse", None, "low"),
        ("direction_accuracy", None, "high"),
        ("r2", None, "high"),
        ("sharpe", None, ""),
        ("sharpe", "max", "high"),
        ("sharpe", "min", "low"),
    ],
)
def test_which_value_is_better_follows_from_the_metric_or_the_monitors_mode(
    metric: str, mode: str | None, winner: str
) -> None:
    assert better(metric, {"low": 1.0, "high": 2.0}, mode) == winner


def test_equal_values_have_no_winner() -> None:
    assert better("mae", {"model": 1.0, "persistence": 1.0}) == "equal"


def test_a_version_that_became_champion_is_told_so() -> None:
    told = registration(version(2, 0.98), version(2, 0.98))

    assert told == "registered: images version 2, now champion"


def test_a_version_that_did_not_become_champion_is_told_why() -> None:
    told = registration(version(2, 0.98), version(1, 0.99))

    assert told == (
        "registered: images version 2; champion stays version 1: validation accuracy "
        "0.9900 there, 0.9800 here, higher is better"
    )


def test_versions_judged_by_different_metrics_are_not_compared() -> None:
    by_loss = structs.replace(version(1, 0.99), monitor="loss", mode="min")

    told = registration(version(2, 0.98), by_loss)

    assert told.endswith("judged by loss, this one by accuracy, and the two do not compare")


def test_predictions_are_shown_beside_the_truth() -> None:
    predictions = [
        {"label": 3, "probability": 0.99, "all": [0.1]},
        {"label": 5, "probability": 0.4},
    ]
    unseen = [Example(input=None, truth=3), Example(input=None, truth=6)]

    text = predictions_table(predictions, unseen)

    assert rows(text) == [
        ["#", "label", "probability", "truth"],
        ["1", "3", "0.9900", "3", "ok"],
        ["2", "5", "0.4000", "6", "wrong"],
        ["left", "out:", "all;", "--json", "has", "all"],
    ]


def test_predictions_for_inputs_from_outside_have_no_truth() -> None:
    assert rows(predictions_table([{"label": 3}])) == [["#", "label"], ["1", "3"]]


def test_texts_of_several_lines_are_shown_as_they_are_but_for_what_could_steer_a_terminal() -> None:
    texts = [{"text": "One\n two\x1b[2J\n", "prompt": "p"}, {"text": "three", "prompt": "p"}]

    assert predictions_table(texts).splitlines() == [
        "# 1", "One", " two\\x1b[2J", "", "", "# 2", "three",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("predicted", "truth", "told"),
    [
        (3, 3, "ok"),
        ("cat", "dog", "wrong"),
        (101.5, 100.0, "off by +1.5"),
        (99.0, 100, "off by -1"),
        ("a text that goes on and on", "another one", ""),
        (3, None, ""),
        (3, [1, 2], ""),
    ],
)
def test_a_class_is_right_or_wrong_and_a_measure_off_by_so_much(
    predicted: object, truth: object, told: str
) -> None:
    assert verdict(predicted, truth) == told
