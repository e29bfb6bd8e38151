from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from azuraforge.actors.training.digest import digest
from azuraforge.engine import Tensor
from azuraforge.engine.nn import Linear, Module


class Keeps(Module):
    """A module that is its one buffer."""

    def __init__(self, values: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("values", Tensor(values))


values = arrays.arrays(
    st.sampled_from(["float16", "float32", "float64", "int64", "uint8"]),
    arrays.array_shapes(min_dims=1, max_dims=3, max_side=5),
)


@given(values=values, data=st.data())
def test_any_bit_that_changes_changes_it(values: np.ndarray, data: st.DataObject) -> None:
    changed = values.copy()
    raw = changed.reshape(-1).view(np.uint8)
    raw[data.draw(st.integers(0, raw.size - 1))] ^= data.draw(st.integers(1, 255))

    assert digest(Keeps(values)) == digest(Keeps(values.copy()))
    assert digest(Keeps(values)) != digest(Keeps(changed))


@given(values=values)
def test_it_is_of_the_values_however_they_lie(values: np.ndarray) -> None:
    lies_otherwise = np.asfortranarray(values)

    assert digest(Keeps(lies_otherwise)) == digest(Keeps(values))


def test_it_tells_the_same_values_under_other_names_apart() -> None:
    one, other = Linear(2, 2), Linear(2, 2)
    swapped = dict(one.state_dict())
    swapped["weight"], swapped["bias"] = swapped["weight"] * 0, swapped["bias"] * 0
    other.load_state_dict(swapped)
    before = digest(other)
    other.load_state_dict({**swapped, "bias": np.array([0.0, 1e-45], np.float32)})

    assert digest(other) != before
