"""Augmentation of series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.data.transforms import Jitter, MagnitudeWarp, Scaling, TimeWarp, WindowSlice
from azuraforge.engine import Tensor
from azuraforge.engine.data.transforms.series import resampled, spline
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError, ShapeError

KINDS: list[Any] = [Jitter, Scaling, MagnitudeWarp, TimeWarp, WindowSlice]
each_kind = pytest.mark.parametrize("kind", KINDS)


def series(count: int = 30, time: int = 50) -> Any:
    return np.random.default_rng(0).normal(size=(count, time, 2)).cumsum(axis=1).astype(np.float32)


@each_kind
def test_the_same_generator_gives_the_same_for_every_series_another(kind: Any) -> None:
    x = np.repeat(series(1), 20, axis=0)
    before = x.copy()

    y = kind()(x, Generator(1))

    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    np.testing.assert_array_equal(y, kind()(Tensor(x), Generator(1)).numpy())
    np.testing.assert_array_equal(x, before)
    assert len({one.tobytes() for one in y}) > 3
    assert kind()(x[0], Generator(1)).shape == x[0].shape


@pytest.mark.parametrize("kind", [Jitter, Scaling, MagnitudeWarp, TimeWarp])
def test_no_spread_changes_nothing(kind: Any) -> None:
    np.testing.assert_allclose(kind(0.0)(series(), Generator(0)), series(), rtol=1e-5, atol=1e-5)


def test_jitter_and_scaling_have_the_spread_asked_for() -> None:
    x = np.ones((400, 30, 3))

    noise, factors = Jitter(0.2)(x, Generator(0)) - 1, Scaling(0.3)(x, Generator(0))

    assert abs(noise.std() - 0.2) < 0.01
    assert (factors == factors[:, :1]).all()
    assert abs(factors[:, 0].std() - 0.3) < 0.03


@given(points=st.integers(2, 8), time=st.integers(2, 40), seed=st.integers(0, 99))
def test_curves_are_natural_cubic_splines(points: int, time: int, seed: int) -> None:
    interpolate = pytest.importorskip("scipy.interpolate")
    values = np.random.default_rng(seed).normal(size=points)

    curve = spline(points, time) @ values

    exact = interpolate.CubicSpline(np.arange(points), values, bc_type="natural")
    np.testing.assert_allclose(curve, exact(np.linspace(0, points - 1, time)), atol=1e-9)


@given(seed=st.integers(0, 99), sigma=st.floats(0, 3), time=st.integers(1, 40))
def test_warped_time_runs_forward_from_end_to_end(seed: int, sigma: float, time: int) -> None:
    x = np.arange(float(time)).reshape(1, time, 1)

    y = TimeWarp(sigma)(x, Generator(seed))[0, :, 0]

    assert y[0] == 0
    assert y[-1] == pytest.approx(time - 1)
    assert (np.diff(y) > 0).all()


@given(ratio=st.floats(0.05, 1), seed=st.integers(0, 99))
def test_a_slice_is_a_window_stretched_to_the_whole_length(ratio: float, seed: int) -> None:
    x = np.arange(40.0).reshape(1, 40, 1)

    y = WindowSlice(ratio)(x, Generator(seed))[0, :, 0]

    length = int(np.ceil(ratio * 40))
    assert y[-1] - y[0] == pytest.approx(length - 1)
    assert 0 <= y[0] <= 40 - length
    np.testing.assert_allclose(np.diff(y), (length - 1) / 39, atol=1e-9)


def test_times_between_numbers_lie_on_straight_lines() -> None:
    x, at = series(2, 9).astype(np.float64), np.array([[0.0, 2.25, 8.0], [7.5, 1.0, 0.5]])

    y = resampled(x, at)

    for one, times, found in zip(x, at, y, strict=True):
        for channel in range(2):
            expected = np.interp(times, np.arange(9), one[:, channel])
            np.testing.assert_allclose(found[:, channel], expected)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="Jitter: sigma -1"):
        Jitter(-1)
    with pytest.raises(ConfigError, match="TimeWarp: knots -1"):
        TimeWarp(knots=-1)
    with pytest.raises(ConfigError, match="ratio 0"):
        WindowSlice(0)
    with pytest.raises(ShapeError, match=r"\(4,\); allowed: .* \(…, time, channels\)"):
        Jitter()(np.zeros(4))
