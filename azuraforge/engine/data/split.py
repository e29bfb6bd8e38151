"""Datasets cut in parts: at random, in the order of time, and in folds."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from azuraforge.engine.data.dataset import Subset
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

Fold = tuple[Subset, Subset]  # train, test


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """Disjoint parts at random, of these numbers of samples, or shares that add up to 1.

    Raises: ConfigError for lengths that do not add up.
    """
    sizes = _sizes("random_split", len(dataset), lengths)
    generator = generator or default_generator().child("split")
    order = generator.permutation(len(dataset))
    ends = list(accumulate(sizes))
    return [Subset(dataset, order[end - n : end]) for n, end in zip(sizes, ends, strict=True)]


def chronological_split(dataset: Any, lengths: Sequence[float], *, gap: int = 0) -> list[Subset]:
    """Parts in the order of the samples, `gap` samples left out between one and the next.

    `lengths` are numbers of samples, or shares (which add up to 1) of those that are not left out.

    Raises: ConfigError for lengths that do not add up.
    """
    rows = len(dataset) - gap * (len(lengths) - 1)
    if gap < 0 or rows < 1:
        raise ConfigError(
            f"chronological_split: gap {gap} between {len(lengths)} parts of {len(dataset)} "
            "samples; allowed: 0 or more, and some samples left"
        )
    sizes = _sizes("chronological_split", rows, lengths)
    begins = accumulate((n + gap for n in sizes[:-1]), initial=0)
    return [Subset(dataset, range(at, at + n)) for at, n in zip(begins, sizes, strict=True)]


def k_fold(
    dataset: Any,
    folds: int = 5,
    *,
    shuffle: bool = False,
    gap: int = 0,
    generator: Generator | None = None,
) -> Iterator[Fold]:
    """(train, test) for each fold: every sample is in one test part, and trains the others.

    Folds are runs of samples unless shuffled. With `gap`, for series, that many samples on either
    side of the test part are left out of training.

    Raises: ConfigError.
    """
    rows = len(dataset)
    _check_folds("k_fold", folds, rows)
    if gap < 0 or (gap and shuffle):
        raise ConfigError(f"k_fold: gap {gap}, shuffle {shuffle}; allowed: 0, or more in order")
    order = _order(rows, shuffle, generator)
    ends = np.cumsum([rows // folds + (fold < rows % folds) for fold in range(folds)])
    for begin, end in zip((0, *ends), ends, strict=False):
        train = np.concatenate((order[: max(begin - gap, 0)], order[end + gap :]))
        yield Subset(dataset, np.sort(train)), Subset(dataset, np.sort(order[begin:end]))


def stratified_k_fold(
    dataset: Any,
    targets: Any,
    folds: int = 5,
    *,
    shuffle: bool = False,
    generator: Generator | None = None,
) -> Iterator[Fold]:
    """(train, test) for each fold, each with its share of every class, up to one sample.

    Shape:  targets (len(dataset),)
    Raises: ConfigError.
    """
    classes = np.asarray(targets.data if isinstance(targets, Tensor) else targets)
    if classes.shape != (len(dataset),):
        raise ConfigError(
            f"stratified_k_fold: targets of shape {classes.shape}; allowed: ({len(dataset)},)"
        )
    _check_folds("stratified_k_fold", folds, len(dataset))
    order = _order(len(dataset), shuffle, generator)
    by_class = order[np.argsort(classes[order], kind="stable")]
    fold_of = np.empty(len(dataset), np.int64)
    fold_of[by_class] = np.arange(len(dataset)) % folds  # dealt out, one class after the other
    for fold in range(folds):
        train, test = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        yield Subset(dataset, train), Subset(dataset, test)


def time_series_folds(
    dataset: Any,
    folds: int = 5,
    *,
    gap: int = 0,
    test_size: int | None = None,
    max_train_size: int | None = None,
) -> Iterator[Fold]:
    """(train, test) for each fold: what was before, `gap` samples left out, and what came after.

    Raises: ConfigError where the first fold has nothing to train on.
    Source: scikit-learn's TimeSeriesSplit gives the same.
    """
    rows = len(dataset)
    size = rows // (folds + 1) if test_size is None else test_size
    first = rows - folds * size  # of the first test part
    if folds < 1 or size < 1 or gap < 0 or first - gap < 1:
        raise ConfigError(
            f"time_series_folds: {folds} folds of {size} samples and a gap of {gap} in {rows} "
            "samples leave none to train the first; use fewer folds, or a smaller gap or test_size"
        )
    for begin in range(first, rows, size):
        end = begin - gap
        start = 0 if max_train_size is None else max(0, end - max_train_size)
        yield Subset(dataset, range(start, end)), Subset(dataset, range(begin, begin + size))


def _sizes(name: str, rows: int, lengths: Sequence[float]) -> list[int]:
    """Numbers of samples: as given, or the shares' floors with the rest dealt out by turns."""
    sizes = [int(n) for n in lengths]
    if math.isclose(sum(lengths), 1.0) and all(0 <= n <= 1 for n in lengths):
        sizes = [math.floor(rows * share) for share in lengths]
        for turn in range(rows - sum(sizes)):
            sizes[turn % len(sizes)] += 1
    elif sizes != list(lengths) or min(sizes, default=-1) < 0:
        sizes = []
    if sum(sizes) != rows:
        raise ConfigError(
            f"{name}: lengths {list(lengths)} of {rows} samples; allowed: numbers of samples that "
            "add up to all of them, or shares that add up to 1"
        )
    if 0 in sizes:
        warnings.warn(f"{name}: part {sizes.index(0)} of {list(lengths)} is empty", stacklevel=3)
    return sizes


def _order(rows: int, shuffle: bool, generator: Generator | None) -> Array:
    if not shuffle:
        return np.arange(rows)
    return (generator or default_generator().child("folds")).permutation(rows)


def _check_folds(name: str, folds: int, rows: int) -> None:
    if not 2 <= folds <= rows:
        raise ConfigError(f"{name}: {folds} folds of {rows} samples; allowed: 2 to {rows}")
