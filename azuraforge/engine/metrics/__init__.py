"""Metrics over batches: update, compute, reset, merge, and a state that can be saved."""

from azuraforge.engine.metrics.classification import (
    F1,
    Accuracy,
    ConfusionMatrix,
    Precision,
    Recall,
    TopKAccuracy,
)
from azuraforge.engine.metrics.metric import Metric
from azuraforge.engine.metrics.ranking import AUROC, AveragePrecision
from azuraforge.engine.metrics.regression import MAE, MAPE, MSE, R2, RMSE
from azuraforge.engine.metrics.text import Perplexity

__all__ = [
    "AUROC",
    "F1",
    "MAE",
    "MAPE",
    "MSE",
    "R2",
    "RMSE",
    "Accuracy",
    "AveragePrecision",
    "ConfusionMatrix",
    "Metric",
    "Perplexity",
    "Precision",
    "Recall",
    "TopKAccuracy",
]
