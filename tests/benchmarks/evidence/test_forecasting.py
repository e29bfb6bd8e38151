"""Linear forecasts: they beat the mean within an epoch, and reach the paper."""

from __future__ import annotations

import numpy as np
import pytest

from azuraforge.engine.random import Generator
from benchmarks.evidence import forecasting
from benchmarks.evidence.forecasting import INPUT, NLinear, error, figures, trained, windows


def test_windows_are_what_was_seen_and_what_came_after_it():
    hours = np.arange(INPUT + 40, dtype=np.float32)
    part = np.stack([hours, -hours], axis=1)

    ((x, y),) = windows(part, horizon=3)  # 38 windows: one batch, and 6 left out

    assert x.shape == (32, INPUT, 2)
    assert y.shape == (32, 3, 2)
    assert (x[5, :, 0] == np.arange(5, 5 + INPUT)).all()
    assert (y[5, :, 1] == -np.arange(5 + INPUT, 8 + INPUT)).all()


def test_nlinear_forecasts_a_level_it_has_never_seen(rng):
    model = NLinear(4, Generator(0))
    x = rng.standard_normal((1, INPUT, 1)).astype(np.float32)

    low, high = (model(forecasting.azuraforge.tensor(x + level)) for level in (0, 64))

    np.testing.assert_allclose(high.detach().numpy(), low.detach().numpy() + 64, rtol=1e-5)


@pytest.mark.parametrize("name", ["Linear", "NLinear"])
def test_an_epoch_beats_the_mean(name, data_of, monkeypatch):
    data_of("ett")
    monkeypatch.setattr(forecasting, "EPOCHS", 1)
    data = forecasting.series()
    some = data._replace(train=data.train[: INPUT + 24 + 320])

    test = windows(data.test, horizon=24)
    before = np.mean([(y**2).mean() for _, y in test])  # the mean of scaled rows is 0

    assert error(trained(name, 24, some, Generator(1), average=0.9), test) < before


@pytest.mark.slow
@pytest.mark.parametrize("horizon", [96, 192, 336, 720])
@pytest.mark.parametrize("name", ["Linear", "NLinear"])
def test_the_papers_figure_is_reached(name, horizon, data_of):
    data_of("ett")

    (figure,) = figures([name], [horizon], Generator(1), average=0.99)

    assert figure.is_reached
