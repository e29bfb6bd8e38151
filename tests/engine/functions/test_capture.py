"""Functions that use numbers outside of ops are no part of a recording, which would freeze them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import azuraforge as az

PLACES = az.tensor([1, 0])
STEPS: dict[str, Callable[[Any], Any]] = {
    "histc": lambda x: az.histc(x, 3),
    "searchsorted": lambda x: az.searchsorted(x, x),
    "isin": lambda x: az.isin(x, x),
    "isclose": lambda x: az.isclose(x, x),
    "take": lambda x: az.take(x, PLACES),
    "index_select": lambda x: az.index_select(x, 0, PLACES),
    "index_add": lambda x: az.index_add(x, 0, PLACES, x[:2]),
    "masked_scatter": lambda x: az.masked_scatter(x, x > 1, x),
    "scatter_reduce": lambda x: az.scatter_reduce(x, 0, PLACES, x, "amax"),
    "bitwise_not": lambda x: az.bitwise_not(x > 1),
    "lstsq": lambda x: az.linalg.lstsq(x.reshape(4, 1), x.reshape(4, 1)).solution,
    "lu": lambda x: az.linalg.lu(x.reshape(2, 2)).L,
    "rand": lambda x: x + az.rand(4),
    "randperm": lambda x: az.randperm(4),
    "bernoulli": lambda x: az.bernoulli(x / 9),
    "multinomial": lambda x: az.multinomial(x, 2),
    "normal": az.normal,
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_with_it_stays_eager_and_says_why(name: str) -> None:
    step = az.capture(STEPS[name])
    with pytest.warns(UserWarning, match="stays eager"):
        step(az.tensor([1.0, 2.0, 3.0, 4.0]))

    assert "numbers" in str(step.reason)


@pytest.mark.filterwarnings("ignore:.*stays eager")  # which the test above is about
def test_what_it_gives_follows_its_input() -> None:
    step = az.capture(STEPS["histc"])
    rng = np.random.default_rng(0)
    for _ in range(5):
        x = rng.normal(size=20)

        found = step(az.tensor(x))

        np.testing.assert_array_equal(found.data, np.histogram(x, 3)[0])
