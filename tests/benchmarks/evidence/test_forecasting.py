"""Linear forecasts: they beat the mean within an epoch, and reach the paper."""

from __future__ import annotations

import numpy as np
import pytest

from azuraforge.engine.random import Generator
from benchmarks.evidence import forecasting
from benchmarks.evidence.forecasting import INPUT, NLinear, Windows, error, figures, trained


def test_windows_are_what_was_seen_and_what_came_after_it():
    hours = np.arange(INPUT + 40, dtype=np.float32)
    part = np.stack([hours, -hours], axis=1)

    ((x, y),) = Windows(part, horizon=3)  # 38 windows: one batch, and 6 left out

    assert x.shape == (32, 2, INPUT)
    assert y.shape == (32, 2, 3)
    assert (x.data[5, 0] == np.arange(5, 5 + INPUT)).all()
    assert (y.data[5, 1] == -np.arange(5 + INPUT, 8 + INPUT)).all()


def test_nlinear_forecasts_a_level_it_has_never_seen(rng):
    model = NLinear(4, Generator(0))
    x = rng.standard_normal((1, 1, INPUT)).astype(np.float32)

    low, high = (model(forecasting.azuraforge.tensor(x + level)) for level in (0, 64))

    np.testing.assert_allclose(high.detach().numpy(), low.detach().numpy() + 64, rtol=1e-5)


@pytest.mark.parametrize("name", ["Linear", "NLinear"])
def test_an_epoch_beats_the_mean(name, data_of, monkeypatch):
    data_of("ett")
    monkeypatch.setattr(forecasting, "EPOCHS", 1)
    data = forecasting.series()
    some = data._replace(train=data.train[: INPUT + 24 + 320])

    test = Windows(data.test, horizon=24)
    before = np.mean([(y.data**2).mean() for _, y in test])  # the mean of scaled rows is 0

    assert error(trained(name, 24, some, Generator(1), average=0.9), test) < before


@pytest.mark.slow
@pytest.mark.parametrize("horizon", [96, 192, 336, 720])
@pytest.mark.parametrize("name", ["Linear", "NLinear"])
def test_the_papers_figure_is_reached(name, horizon, data_of):
    data_of("ett")

    (figure,) = figures([name], [horizon], Generator(1), average=0.99)

    assert figure.is_reached
