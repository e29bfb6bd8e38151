"""Scalers, against scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from azuraforge.data import MinMaxScaler, RobustScaler, Scaler, StandardScaler
from azuraforge.engine import Tensor
from azuraforge.errors import ConfigError, DataError, RefusedError, ShapeError

theirs = pytest.importorskip("sklearn.preprocessing")

PAIRS = [
    (StandardScaler, {}, "StandardScaler"),
    (MinMaxScaler, {}, "MinMaxScaler"),
    (MinMaxScaler, {"feature_range": (-1.0, 3.0)}, "MinMaxScaler"),
    (RobustScaler, {}, "RobustScaler"),
    (RobustScaler, {"quantile_range": (10.0, 95.0)}, "RobustScaler"),
]
each_scaler = pytest.mark.parametrize(("kind", "options", "name"), PAIRS)
numbers = st.integers(-50, 50).map(lambda n: n / 8)
data = arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=numbers)


@each_scaler
@given(x=data, shift=numbers)
def test_it_scales_as_scikit_learn_and_back(
    kind: Any, options: dict[str, Any], name: str, x: Any, shift: float
) -> None:
    scaler, expected = kind(**options).fit(x), getattr(theirs, name)(**options).fit(x)
    other = x[::-1] * 1.5 + shift

    scaled = scaler.transform(other)

    np.testing.assert_allclose(scaled, expected.transform(other), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scaler.inverse_transform(scaled), other, rtol=1e-9, atol=1e-9)


@each_scaler
def test_a_scaler_is_the_same_after_its_state_went_through_plain_values(
    kind: Any, options: dict[str, Any], name: str
) -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    scaler, loaded = kind(**options).fit(x), kind()

    loaded.load_state_dict({key: value.tolist() for key, value in scaler.state_dict().items()})

    np.testing.assert_array_equal(loaded.transform(x), scaler.transform(x))


def test_windows_are_scaled_feature_by_feature_and_a_single_axis_as_one_feature() -> None:
    x = np.random.default_rng(0).normal(3, 2, (5, 7, 2)).astype(np.float32)

    windows = StandardScaler().fit_transform(x)
    line = StandardScaler().fit_transform(x.reshape(-1))

    assert (windows.dtype, windows.shape) == (np.float32, x.shape)
    np.testing.assert_allclose(windows.mean(axis=(0, 1)), 0, atol=1e-6)
    np.testing.assert_allclose([line.mean(), line.std()], [0, 1], atol=1e-6)


def test_tensors_stay_tensors_with_their_gradients() -> None:
    scaler = StandardScaler().fit(np.array([[1.0], [3.0], [8.0]]))
    x = Tensor(np.array([[2.0]], np.float32), requires_grad=True)

    y = scaler.inverse_transform(x)
    y.backward()

    assert y.dtype == np.float32
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), [[np.std([1, 3, 8])]], rtol=1e-6)


def test_whole_numbers_are_scaled_as_float64() -> None:
    scaled = MinMaxScaler().fit_transform(np.array([[1], [3], [2]]))

    assert scaled.dtype == np.float64
    assert scaled[:, 0].tolist() == [0, 1, 0.5]


@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), RobustScaler()])
def test_before_fit_nothing_is_done(scaler: Scaler) -> None:
    name = type(scaler).__name__
    for use in ("transform", "inverse_transform"):
        with pytest.raises(RefusedError, match=f"{name}.{use}: not fitted; call fit"):
            getattr(scaler, use)(np.ones((2, 2)))
    with pytest.raises(RefusedError, match=r"state_dict: not fitted"):
        scaler.state_dict()


def test_what_does_not_fit_is_refused() -> None:
    scaler = StandardScaler().fit(np.ones((4, 3)))

    with pytest.raises(ShapeError, match=r"shape \(4, 2\), fitted to \(3,\)"):
        scaler.transform(np.ones((4, 2)))
    with pytest.raises(ShapeError, match=r"shape \(4,\)"):
        scaler.transform(np.ones(4))
    for bad in (np.ones((0, 2)), np.array([[1.0, np.nan]])):
        with pytest.raises(DataError, match=r"StandardScaler\.fit"):
            StandardScaler().fit(bad)
    with pytest.raises(ConfigError, match=r"feature_range \(1, 1\)"):
        MinMaxScaler((1, 1))
    with pytest.raises(ConfigError, match=r"quantile_range \(75, 25\)"):
        RobustScaler((75, 25))
