"""Every metric is scikit-learn's figure of all rows at once, however they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge import metrics as ours
from azuraforge.engine import Tensor
from azuraforge.errors import ConfigError, DataError, DTypeError, RefusedError, ShapeError

theirs = pytest.importorskip("sklearn.metrics")

CLASSES = 4


@dataclass(frozen=True)
class Case:
    """A metric, what it is given, and what scikit-learn makes of the same."""

    name: str
    make: Callable[[], ours.Metric]
    given: str
    expected: Callable[[Any, Any], Any]


def averaged(name: str) -> list[Case]:
    function = {"Precision": "precision", "Recall": "recall", "F1": "f1"}[name]
    return [
        Case(
            f"{name} {average}",
            lambda average=average: getattr(ours, name)(CLASSES, average),
            "labels",
            lambda p, t, average=average: getattr(theirs, f"{function}_score")(
                t, p, average=average, zero_division=0,
                labels=range(CLASSES) if average is None else None,
            ),
        )
        for average in ("micro", "macro", "weighted", None)
    ]  # fmt: skip


def one_vs_rest(scores: Any, target: Any, function: Any, average: Any) -> Any:
    each = [function(target == c, scores[:, c]) for c in range(CLASSES)]
    if average is None:
        return np.array(each)
    weights = np.bincount(target, minlength=CLASSES) if average == "weighted" else None
    return np.average(each, weights=weights)


def ranked(name: str, function: Any) -> list[Case]:
    return [
        Case(
            f"{name} {average}",
            lambda average=average: getattr(ours, name)(average),
            "scores",
            lambda p, t, average=average: one_vs_rest(p, t, function, average),
        )
        for average in ("macro", "weighted", None)
    ] + [Case(f"{name} binary", getattr(ours, name), "binary", lambda p, t: function(t, p))]


def perplexity(logits: Any, target: Any) -> float:
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return float(np.exp(theirs.log_loss(target, odds, labels=range(CLASSES))))


CASES = [
    Case("Accuracy", ours.Accuracy, "labels", lambda p, t: theirs.accuracy_score(t, p)),
    Case(
        "Accuracy of scores", ours.Accuracy, "scores",
        lambda p, t: theirs.accuracy_score(t, p.argmax(1)),
    ),
    Case(
        "TopKAccuracy", lambda: ours.TopKAccuracy(2), "scores",
        lambda p, t: theirs.top_k_accuracy_score(t, p, k=2, labels=range(CLASSES)),
    ),
    Case(
        "ConfusionMatrix", lambda: ours.ConfusionMatrix(CLASSES), "labels",
        lambda p, t: theirs.confusion_matrix(t, p, labels=range(CLASSES)),
    ),
    *averaged("Precision"), *averaged("Recall"), *averaged("F1"),
    *ranked("AUROC", theirs.roc_auc_score),
    *ranked("AveragePrecision", theirs.average_precision_score),
    Case("MAE", ours.MAE, "numbers", lambda p, t: theirs.mean_absolute_error(t, p)),
    Case("MSE", ours.MSE, "numbers", lambda p, t: theirs.mean_squared_error(t, p)),
    Case("RMSE", ours.RMSE, "numbers", lambda p, t: theirs.root_mean_squared_error(t, p)),
    Case(
        "MAPE", ours.MAPE, "numbers", lambda p, t: theirs.mean_absolute_percentage_error(t, p)
    ),
    Case("R2", ours.R2, "numbers", lambda p, t: theirs.r2_score(t, p)),
    Case("R2 of columns", ours.R2, "columns", lambda p, t: theirs.r2_score(t, p)),
    Case("Perplexity", ours.Perplexity, "scores", perplexity),
]  # fmt: skip
each_metric = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def drawn(kind: str, seed: int, rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(rows) % CLASSES)  # every class occurs
    if kind == "labels":
        return rng.integers(0, CLASSES, rows), labels
    if kind == "scores":
        scores = rng.normal(size=(rows, CLASSES)) + 2 * np.eye(CLASSES)[labels]
        return scores, labels
    if kind == "binary":
        return rng.integers(0, 5, rows) / 5, labels % 2  # many equal scores
    shape = (rows, 3) if kind == "columns" else (rows,)
    target = 50 + rng.normal(size=shape)
    return target + rng.normal(size=shape) / 2, target


@each_metric
@given(seed=st.integers(0, 999), rows=st.integers(CLASSES, 40), data=st.data())
def test_a_metric_is_scikit_learns_of_all_rows_at_once(
    case: Case, seed: int, rows: int, data: st.DataObject
) -> None:
    prediction, target = drawn(case.given, seed, rows)
    cuts = sorted(data.draw(st.sets(st.integers(1, rows - 1), max_size=3)))
    parts = list(zip(np.split(prediction, cuts), np.split(target, cuts), strict=True))
    metric, other = case.make(), case.make()

    for number, part in enumerate(parts):
        (metric if number % 2 else other).update(*part)
    saved = case.make()
    saved.load_state_dict(metric.state_dict())
    saved.merge(other)

    np.testing.assert_allclose(saved.compute(), case.expected(prediction, target), rtol=1e-9)


@each_metric
def test_a_metric_that_was_reset_or_never_told_anything_refuses(case: Case) -> None:
    metric = case.make()
    metric.update(*drawn(case.given, 0, 10))
    metric.reset()

    with pytest.raises(RefusedError, match="call update first"):
        metric.compute()


@each_metric
def test_tensors_that_need_gradients_are_taken_as_their_numbers(case: Case) -> None:
    prediction, target = drawn(case.given, 1, 12)
    metric, expected = case.make(), case.make()
    expected.update(prediction, target)

    metric.update(Tensor(prediction, prediction.dtype.kind == "f"), Tensor(target))

    np.testing.assert_array_equal(metric.compute(), expected.compute())


def test_positions_of_images_and_sequences_count_one_by_one() -> None:
    rng = np.random.default_rng(0)
    scores, target = rng.normal(size=(2, CLASSES, 3)), rng.integers(0, CLASSES, (2, 3))
    flat, plain = scores.transpose(0, 2, 1).reshape(-1, CLASSES), target.ravel()

    for make in (ours.Accuracy, lambda: ours.TopKAccuracy(2), ours.Perplexity):
        metric, expected = make(), make()
        metric.update(scores, target)
        expected.update(flat, plain)
        assert metric.compute() == pytest.approx(expected.compute())


def test_of_equal_scores_the_first_labels_are_the_top() -> None:
    metric = ours.TopKAccuracy(2)

    metric.update(np.zeros((4, 4)), np.arange(4))

    assert metric.compute() == 0.5


def test_ignored_tokens_do_not_count() -> None:
    logits, target = np.random.default_rng(0).normal(size=(2, 6, 5)), np.array([[1] * 5, [2] * 5])
    metric, expected = ours.Perplexity(), ours.Perplexity()
    expected.update(logits[:1], target[:1])
    target[1] = -100

    metric.update(logits, target)

    assert metric.compute() == pytest.approx(expected.compute())


def test_r2_of_a_large_offset_keeps_its_digits() -> None:
    target = 1e9 + np.arange(100.0)
    metric = ours.R2()

    for part in np.split(target, 10):
        metric.update(part + 1, part)

    assert metric.compute() == pytest.approx(1 - 100 / np.square(np.arange(100) - 49.5).sum())


def test_r2_where_the_truth_never_moves_is_a_number() -> None:
    exact, wrong = ours.R2(), ours.R2()

    exact.update(np.ones(3), np.ones(3))
    wrong.update(np.zeros(3), np.ones(3))

    assert (exact.compute(), wrong.compute()) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("metric", "prediction", "target", "error", "message"),
    [
        (ours.MAE(), np.ones((3, 1)), np.ones(3), ShapeError, r"\(3, 1\), target \(3,\)"),
        (ours.R2(), np.ones((1, 1, 1)), np.ones((1, 1, 1)), ShapeError, "columns"),
        (ours.Accuracy(), np.ones(3), np.ones(3, int), DTypeError, "such as p > 0.5"),
        (ours.Accuracy(), np.ones((2, 4)), np.ones(3, int), ShapeError, "classes"),
        (ours.Accuracy(), np.ones((3, 4)), np.ones(3), DTypeError, "target of float64"),
        (ours.TopKAccuracy(), np.ones((1, 4)), np.array([4]), DataError, "4 to 4; allowed: 0 to 3"),
        (ours.F1(3), np.array([0]), np.array([3]), DataError, "target holds 3 to 3"),
        (ours.AUROC(), np.ones(2), np.array([1, 2]), DataError, "0 and 1"),
        (ours.AUROC(), np.array([np.nan, 1]), np.array([0, 1]), DataError, "NaN"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    metric: ours.Metric, prediction: Any, target: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        metric.update(prediction, target)


def test_an_order_of_one_class_alone_is_refused() -> None:
    metric = ours.AUROC()
    metric.update(np.ones(2), np.ones(2, int))

    with pytest.raises(DataError, match="2 of 2 samples are of class 1"):
        metric.compute()


def test_options_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="average 'mean'"):
        ours.F1(3, "mean")
    with pytest.raises(ConfigError, match="average 'micro'"):
        ours.AUROC("micro")
    with pytest.raises(ConfigError, match="num_classes 1"):
        ours.ConfusionMatrix(1)
    with pytest.raises(ConfigError, match="k 0"):
        ours.TopKAccuracy(0)


def test_metrics_of_two_kinds_are_not_merged() -> None:
    with pytest.raises(RefusedError, match=r"MAE.merge: a MSE"):
        ours.MAE().merge(ours.MSE())
