from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from azuraforge.engine import threads
from azuraforge.engine.threads import set_threads


@pytest.fixture
def restored() -> Iterator[None]:
    library = threads._openblas()
    before = library[1]() if library else 1
    yield
    set_threads(before)


@pytest.mark.usefixtures("restored")
def test_what_was_set_is_what_the_library_uses() -> None:
    if threads._openblas() is None:
        pytest.skip("this NumPy does not carry OpenBLAS")

    assert set_threads(1) == 1
    assert set_threads(2) == 2


@pytest.mark.usefixtures("restored")
def test_a_product_has_the_same_bits_at_the_same_count() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 200, 200), np.float32)
    set_threads(2)
    first = a @ b

    set_threads(1)
    set_threads(2)

    np.testing.assert_array_equal(a @ b, first)


@pytest.mark.parametrize("count", [0, -1])
def test_less_than_one_thread_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="allowed: 1 or more"):
        set_threads(count)


def test_another_blas_answers_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_openblas", lambda: None)

    assert set_threads(2) == 0
