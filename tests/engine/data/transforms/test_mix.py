"""Batches mixed with themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.data.transforms import CutMix, MixUp
from azuraforge.engine import Tensor
from azuraforge.engine.data.transforms.mix import beta
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError, ShapeError


def batch() -> tuple[Any, Any]:
    x = np.arange(4.0, dtype=np.float32).reshape(4, 1, 1, 1) * np.ones((1, 1, 12, 10), np.float32)
    return x, np.arange(4)


@given(seed=st.integers(0, 999))
def test_images_and_labels_are_mixed_in_the_same_proportion(seed: int) -> None:
    x, labels = batch()

    mixed, shares = MixUp(num_classes=4)(x, labels, Generator(seed))

    kept = shares[0, 0]
    expected = kept * np.eye(4) + (1 - kept) * np.eye(4)[[3, 0, 1, 2]]
    np.testing.assert_allclose(shares, expected, atol=1e-6)
    np.testing.assert_allclose(mixed[:, 0, 0, 0], shares @ np.arange(4), rtol=1e-4, atol=1e-5)


@given(seed=st.integers(0, 999))
def test_labels_of_a_cut_are_shares_of_the_pixels(seed: int) -> None:
    x, labels = batch()

    mixed, shares = CutMix(num_classes=4)(x, labels, Generator(seed))

    for image, own in zip(mixed[:, 0], shares, strict=True):
        counts = np.bincount(image.ravel().astype(int), minlength=4) / image.size
        np.testing.assert_allclose(own, counts, atol=1e-6)
    other = mixed[0, 0] == 3
    rows, columns = other.any(axis=1), other.any(axis=0)
    assert other.sum() == rows.sum() * columns.sum()  # a box


@pytest.mark.parametrize("mix", [MixUp, CutMix])
def test_labels_may_be_shares_and_tensors_stay_tensors(mix: Any) -> None:
    x, labels = batch()

    plain = mix(num_classes=4)(x, labels, Generator(1))
    shares = mix()(Tensor(x), Tensor(np.eye(4, dtype=np.float32)[labels]), Generator(1))

    for a, b in zip(plain, shares, strict=True):
        np.testing.assert_array_equal(a, b.numpy())


@pytest.mark.parametrize("a", [0.2, 1.0, 3.5])
def test_shares_come_from_a_beta_distribution(a: float) -> None:
    generator = Generator(2)

    draws = np.array([beta(generator, a, a) for _ in range(3000)])

    assert abs(draws.mean() - 0.5) < 0.03
    assert abs(draws.var() - 1 / (4 * (2 * a + 1))) < 0.012


def test_what_cannot_be_mixed_is_refused() -> None:
    x, labels = batch()
    with pytest.raises(ConfigError, match="num_classes None"):
        MixUp()(x, labels)
    with pytest.raises(ConfigError, match="labels up to 3; allowed: 0 to num_classes - 1, 1"):
        CutMix(num_classes=2)(x, labels)
    with pytest.raises(ConfigError, match="alpha 0"):
        MixUp(alpha=0)
    with pytest.raises(ShapeError, match=r"images \(1, 12, 10\)"):
        MixUp(num_classes=4)(x[0], labels[:1])
