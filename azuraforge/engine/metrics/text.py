"""Metrics of language models."""

from __future__ import annotations

import numpy as np

from azuraforge.engine.metrics.classification import check_scores
from azuraforge.engine.metrics.metric import Metric, Numbers, State


class Perplexity(Metric):
    """exp of the mean negative log-likelihood of the tokens.

    Shape: prediction logits (batch, vocabulary, …), as of cross_entropy; target (batch, …)
    """

    def __init__(self, ignore_index: int = -100) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def of(self, prediction: Numbers, target: Numbers) -> State:
        counts = target != self.ignore_index
        tokens = np.where(counts, target, 0)
        check_scores("Perplexity", prediction, tokens)
        logits = prediction.astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        own = np.take_along_axis(logits, tokens[:, None], axis=1)[:, 0]
        surprise = np.log(np.exp(logits).sum(axis=1)) - own
        return {"sum": np.asarray(surprise[counts].sum()), "count": np.asarray(counts.sum())}

    def figure(self, state: State) -> float:
        return float(np.exp(state["sum"] / state["count"])) if state["count"] else 1.0
