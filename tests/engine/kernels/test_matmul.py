"""Products of matrices against NumPy's in float64, however the operands lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

from azuraforge import capture
from azuraforge.engine import Tensor
from azuraforge.engine.kernels import matmul
from azuraforge.engine.threads import set_threads, threads

SIZES = st.integers(1, 70)
WAYS = st.sampled_from(["rows", "columns", "gaps"])


@pytest.fixture(autouse=True)
def _same_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(matmul, "WORTH_A_CALL", 1)
    before = threads()
    yield
    set_threads(before)


def laid(x: np.ndarray, way: str) -> np.ndarray:
    """The same numbers, lying in another way."""
    if way == "columns":
        return np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)
    if way == "gaps":
        wide = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    return x


@given(st.sampled_from([(), (3,), (2, 3)]), st.booleans(), SIZES, SIZES, SIZES, WAYS, WAYS,
       st.integers(1, 3))  # fmt: skip
def test_values_and_gradients_are_numpys(
    batch: tuple[int, ...], is_one: bool, m: int, n: int, k: int, way_a: str, way_b: str, count: int
) -> None:
    rng = np.random.default_rng(1)
    draw: Any = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    a = laid(draw(*batch, m, k), way_a)
    b = laid(draw(*(() if is_one else batch), k, n), way_b)
    g = draw(*batch, m, n)
    set_threads(count)
    x, w = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)

    y = x @ w
    y.backward(Tensor(g))

    wide_a, wide_b, wide_g = (each.astype(np.float64) for each in (a, b, g))
    gb = wide_a.swapaxes(-1, -2) @ wide_g
    gb = gb.reshape(-1, k, n).sum(0) if is_one else gb
    for found, expected, terms in (
        (y, wide_a @ wide_b, k),
        (x.grad, wide_g @ wide_b.swapaxes(-1, -2), n),
        (w.grad, gb, m * 6),
    ):
        assert found is not None
        np.testing.assert_allclose(found.data, expected, rtol=1e-4, atol=1e-4 * np.sqrt(terms))


def test_the_number_of_threads_does_not_change_the_bits() -> None:
    rng = np.random.default_rng(2)
    a, b = (rng.standard_normal((301, 301)).astype(np.float32) for _ in range(2))
    found = []
    for count in (1, 2, 3):
        set_threads(count)
        found.append((Tensor(a) @ Tensor(b)).data.tobytes())

    assert matmul.accepts(a, b)
    assert len(set(found)) == 1


def test_a_captured_step_follows_operands_that_had_to_be_copied() -> None:
    step = capture(lambda a, b: a @ b.transpose(-1, -2))
    rng = np.random.default_rng(3)
    for _ in range(6):
        a, b = (rng.standard_normal((2, 80, 50)).astype(np.float32) for _ in range(2))

        y = step(Tensor(a), Tensor(b))

        np.testing.assert_allclose(y.data, a @ b.swapaxes(1, 2), rtol=1e-4, atol=1e-4)
    assert step.is_replayed
