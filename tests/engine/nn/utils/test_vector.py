"""Parameters as one vector."""

from __future__ import annotations

import numpy as np
import pytest

from azuraforge import nn
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError
from azuraforge.nn.utils import parameters_to_vector, vector_to_parameters


def test_a_vector_goes_back_into_the_parameters_it_came_from() -> None:
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)

    vector_to_parameters(parameters_to_vector(first.parameters()), second.parameters())

    np.testing.assert_array_equal(first.weight.data, second.weight.data)
    with pytest.raises(ShapeError, match=r"vec \(7,\); allowed: \(8,\)"):
        vector_to_parameters(Tensor(np.zeros(7)), second.parameters())


def test_a_module_moves_to_a_device_and_an_element_type_at_once() -> None:
    assert nn.Linear(2, 2).to("cpu", "float64").weight.dtype == np.float64
    assert nn.Linear(2, 2).to(device="cpu", dtype="float64").weight.dtype == np.float64
    assert nn.Linear(2, 2, dtype="float64").weight.dtype == np.float64
