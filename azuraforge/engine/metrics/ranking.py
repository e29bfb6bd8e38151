"""Metrics of an order by scores: exact, so they keep every score until they are reset."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from azuraforge.engine.metrics.classification import check_scores
from azuraforge.engine.metrics.metric import Metric, Numbers, State, check_equal
from azuraforge.errors import ConfigError, DataError


class _Ranking(Metric):
    """A figure of scores and labels 0 and 1; of several classes, of each against the rest.

    Shape:  prediction (batch,), or (batch, classes); target (batch,)
    Raises: DataError in `compute` where a class, or its rest, has no sample.
    """

    def __init__(self, average: Literal["macro", "weighted"] | None = "macro") -> None:
        super().__init__()
        if average not in ("macro", "weighted", None):
            raise ConfigError(
                f"{type(self).__name__}: average {average!r}; allowed: 'macro', 'weighted', or "
                "None for every class"
            )
        self.average = average

    def of(self, prediction: Numbers, target: Numbers) -> State:
        name = type(self).__name__
        if prediction.ndim == 1:
            check_equal(name, prediction, target)
            if not np.isin(target, (0, 1)).all():
                raise DataError(f"{name}: target beside (batch,) scores; allowed: 0 and 1")
        else:
            check_scores(name, prediction, target)
        if not np.isfinite(prediction).all():
            raise DataError(f"{name}: scores hold NaN or Inf; allowed: finite numbers")
        return {"scores": prediction.copy(), "targets": target.astype(np.int64)}

    def merged(self, one: State, other: State) -> State:
        return {name: np.concatenate((one[name], other[name])) for name in one}

    def figure(self, state: State) -> Any:
        scores, targets = state["scores"], state["targets"]
        if scores.ndim == 1:
            return self._of_class(scores, targets == 1, 1)
        classes = range(scores.shape[1])
        each = np.array([self._of_class(scores[:, c], targets == c, c) for c in classes])
        if self.average is None:
            return each
        counts = np.bincount(targets, minlength=len(classes))
        return float(np.average(each, weights=counts if self.average == "weighted" else None))

    def _of_class(self, scores: Numbers, positive: Numbers, label: int) -> float:
        if positive.all() or not positive.any():
            raise DataError(
                f"{type(self).__name__}: {int(positive.sum())} of {len(positive)} samples are of "
                f"class {label}; allowed: some that are and some that are not"
            )
        return self.curve(*_counted(scores, positive))

    def curve(self, found: Numbers, wrong: Numbers) -> float:
        """The figure of how many positives and negatives have each score or a larger one."""
        raise NotImplementedError


class AUROC(_Ranking):
    """The chance that a sample of the class has a larger score than another; ties count half."""

    def curve(self, found: Numbers, wrong: Numbers) -> float:
        rates = np.concatenate(([0.0], found / found[-1])), np.concatenate(([0], wrong / wrong[-1]))
        return float(np.trapezoid(*rates))


class AveragePrecision(_Ranking):
    """The mean of the precision, weighted by the recall gained at each score."""

    def curve(self, found: Numbers, wrong: Numbers) -> float:
        gained = np.diff(found, prepend=0) / found[-1]
        return float((gained * found / (found + wrong)).sum())


def _counted(scores: Numbers, positive: Numbers) -> tuple[Numbers, Numbers]:
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of equal scores
    found = np.cumsum(positive[order])[ends]
    return found, ends + 1 - found
