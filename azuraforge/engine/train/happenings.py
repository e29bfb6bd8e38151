"""What a loop tells of while it trains."""

from __future__ import annotations

from dataclasses import dataclass

Metrics = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One update: loss and metrics are of its rows, before it; the norm, before clipping.

    One that half precision had to leave out changed no parameter, and has a norm of 0.
    """

    step: int
    epoch: int
    loss: float
    lr: float
    grad_norm: float
    metrics: Metrics
    rows: int


@dataclass(frozen=True, kw_only=True)
class LayerStatistics:
    """Of every parameter after a step: see layer_statistics.py."""

    step: int
    layers: dict[str, Metrics]


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The validation metrics after a step within an epoch."""

    step: int
    epoch: int
    validation: Metrics
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One pass: means over its batches, and validation after it."""

    epoch: int
    step: int
    train: Metrics
    validation: Metrics
    is_best: bool


@dataclass(frozen=True, kw_only=True)
class EarlyStop:
    """The last of a loop that ends before its last epoch, and why."""

    step: int
    epoch: int
    reason: str


Happening = Step | LayerStatistics | Validation | Epoch | EarlyStop
