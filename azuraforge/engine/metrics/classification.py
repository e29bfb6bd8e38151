"""Metrics of labels: how many are right, and which are taken for which."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from azuraforge.engine.metrics.metric import Metric, Numbers, State, check_equal
from azuraforge.errors import ConfigError, DataError, DTypeError, ShapeError

Average = Literal["micro", "macro", "weighted"]


class Accuracy(Metric):
    """The share of right labels.

    Shape: prediction labels like target, or scores (batch, classes, …); target (batch, …)
    """

    def of(self, prediction: Numbers, target: Numbers) -> State:
        right = labels("Accuracy", prediction, target) == target
        return {"right": np.asarray(right.sum()), "count": np.asarray(right.size)}

    def figure(self, state: State) -> float:
        return float(state["right"] / state["count"])


class TopKAccuracy(Metric):
    """The share of labels among the k largest scores; of equal scores, the later label loses.

    Shape: prediction (batch, classes, …); target (batch, …)
    """

    def __init__(self, k: int = 5) -> None:
        super().__init__()
        if k < 1:
            raise ConfigError(f"TopKAccuracy: k {k}; allowed: 1 or more")
        self.k = k

    def of(self, prediction: Numbers, target: Numbers) -> State:
        check_scores("TopKAccuracy", prediction, target)
        own = np.take_along_axis(prediction, target[:, None], axis=1)
        at = np.arange(prediction.shape[1]).reshape(-1, *(1,) * (prediction.ndim - 2))
        ahead = (prediction > own) | ((prediction == own) & (at < target[:, None]))
        right = ahead.sum(axis=1) < self.k
        return {"right": np.asarray(right.sum()), "count": np.asarray(right.size)}

    def figure(self, state: State) -> float:
        return float(state["right"] / state["count"])


class ConfusionMatrix(Metric):
    """How often each label (row) was predicted as each (column). Shape: -> (classes, classes)"""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        if num_classes < 2:
            raise ConfigError(f"{type(self).__name__}: num_classes {num_classes}; allowed: from 2")
        self.num_classes = num_classes

    def of(self, prediction: Numbers, target: Numbers) -> State:
        name, classes = type(self).__name__, self.num_classes
        found = labels(name, prediction, target).astype(np.int64)
        for what, given in (("prediction", found), ("target", target)):
            if given.size and not (given.min() >= 0 and given.max() < classes):
                raise DataError(
                    f"{name}: {what} holds {given.min()} to {given.max()}; allowed: 0 to "
                    f"{classes - 1}, num_classes being {classes}"
                )
        pairs = np.bincount((target * classes + found).ravel(), minlength=classes**2)
        return {"counts": pairs.reshape(classes, classes)}

    def figure(self, state: State) -> Any:
        return state["counts"].copy()


class _Ratio(ConfusionMatrix):
    """A ratio of right labels, of every class or averaged: micro over all labels, macro over the
    classes that occur, weighted by how often they do. Where nothing is to divide by, it is 0.

    Source: the definitions are scikit-learn's.
    """

    def __init__(self, num_classes: int, average: Average | None = "macro") -> None:
        super().__init__(num_classes)
        if average not in ("micro", "macro", "weighted", None):
            raise ConfigError(
                f"{type(self).__name__}: average {average!r}; allowed: 'micro', 'macro', "
                "'weighted', or None for every class"
            )
        self.average = average

    def figure(self, state: State) -> Any:
        counts = state["counts"]
        right, said, true = counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)
        if self.average == "micro":
            return float(self.ratio(right.sum(), said.sum(), true.sum()))
        each = self.ratio(right, said, true)
        if self.average is None:
            return each
        weights = true if self.average == "weighted" else (said + true > 0)
        return float((each * weights).sum() / max(weights.sum(), 1))

    def ratio(self, right: Any, said: Any, true: Any) -> Any:
        """Of labels of a class: right ones, those predicted, and those there are."""
        raise NotImplementedError


class Precision(_Ratio):
    """Of the labels predicted, the share that is right."""

    def ratio(self, right: Any, said: Any, true: Any) -> Any:
        return _divided(right, said)


class Recall(_Ratio):
    """Of the labels there are, the share that is found."""

    def ratio(self, right: Any, said: Any, true: Any) -> Any:
        return _divided(right, true)


class F1(_Ratio):
    """The harmonic mean of precision and recall."""

    def ratio(self, right: Any, said: Any, true: Any) -> Any:
        return _divided(2 * right, said + true)


def labels(name: str, prediction: Numbers, target: Numbers) -> Numbers:
    """The predicted labels: as given, or the place of the largest score along axis 1.

    Raises: ShapeError, DTypeError.
    """
    if prediction.ndim == target.ndim + 1:
        check_scores(name, prediction, target)
        found: Numbers = prediction.argmax(axis=1)
        return found
    check_equal(name, prediction, target)
    if prediction.dtype.kind == "f":
        raise DTypeError(
            f"{name}: prediction of {prediction.dtype} with the target's shape {target.shape}; "
            "allowed: labels, such as p > 0.5, or scores (batch, classes, …)"
        )
    return prediction


def check_scores(name: str, prediction: Numbers, target: Numbers) -> None:
    """Raise ShapeError unless there is a score for every class, DTypeError for unsound targets."""
    fits = prediction.ndim == target.ndim + 1 and target.size
    if not fits or (prediction.shape[0], *prediction.shape[2:]) != target.shape:
        raise ShapeError(
            f"{name}: scores {prediction.shape}, target {target.shape}; allowed: (batch, classes, "
            "…) and (batch, …)"
        )
    if target.dtype.kind not in "iub":
        raise DTypeError(f"{name}: target of {target.dtype}; allowed: whole numbers, the labels")
    if not (target.min() >= 0 and target.max() < prediction.shape[1]):
        raise DataError(
            f"{name}: target holds {target.min()} to {target.max()}; allowed: 0 to "
            f"{prediction.shape[1] - 1}, the scores' classes"
        )


def _divided(a: Any, b: Any) -> Any:
    return np.divide(a, b, out=np.zeros(np.shape(a)), where=np.asarray(b) > 0)
