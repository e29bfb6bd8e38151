from __future__ import annotations

import numpy as np
import pytest

from azuraforge.engine.data import TensorDataset
from azuraforge.errors import ShapeError


def test_rows_of_every_array_are_taken_together() -> None:
    data = TensorDataset(np.arange(10), np.arange(10) * 2)

    x, y = data[np.array([3, 1])]

    assert (x.tolist(), y.tolist()) == ([3, 1], [6, 2])
    assert len(data.subset(slice(2, 6))) == 4


def test_arrays_of_unequal_length_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\[3, 2\] rows"):
        TensorDataset(np.ones(3), np.ones(2))
    with pytest.raises(ShapeError, match=r"\[\] rows"):
        TensorDataset()
