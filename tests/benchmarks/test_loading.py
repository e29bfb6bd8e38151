"""The loader's benchmark: both go through the same rows, and it runs."""

from __future__ import annotations

import numpy as np

from benchmarks.loading import Case, compared, sliced


def test_slicing_goes_through_each_row_once() -> None:
    x, rng = np.arange(12.0).reshape(12, 1), np.random.default_rng(0)

    for shuffle in (False, True):
        case = Case(rows=12, shape=(1,), batch=4, shuffle=shuffle)
        batches = list(sliced(x, np.arange(12), case, rng))

        assert sorted(t for _, targets in batches for t in targets) == list(range(12))
        assert all((some[:, 0] == targets).all() for some, targets in batches)


def test_a_case_is_measured() -> None:
    pair = compared(Case(rows=8, shape=(2,), batch=4, shuffle=True), budget_s=0.01)

    assert pair.ratio.median > 0
