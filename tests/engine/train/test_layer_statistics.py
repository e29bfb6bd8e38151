from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from azuraforge.engine.train import LayerStatistics, Step
from tests.engine.train.small import small_loop


def test_statistics_follow_every_so_many_steps() -> None:
    happenings = list(small_loop(statistics_every=3, epochs=2))

    at = [h.step for h in happenings if isinstance(h, LayerStatistics)]
    assert at == [3, 6, 9]
    for one, following in pairwise(happenings):
        assert not isinstance(following, LayerStatistics) or isinstance(one, Step)


def test_they_are_of_the_parameters_the_gradient_and_the_update() -> None:
    loop = small_loop(statistics_every=2, clip_norm=0.1)
    happenings = iter(loop)
    next(happenings)
    before = {key: p.data.copy() for key, p in loop.model.named_parameters()}

    step, statistics = next(happenings), next(happenings)

    assert isinstance(step, Step)
    assert isinstance(statistics, LayerStatistics)
    assert statistics.step == 2
    assert statistics.layers.keys() == before.keys()
    for key, parameter in loop.model.named_parameters():
        w, old = parameter.data.astype(np.float64), before[key].astype(np.float64)
        found = statistics.layers[key]
        assert found["mean"] == pytest.approx(w.mean())
        assert found["std"] == pytest.approx(w.std())
        larger = max(np.linalg.norm(old), np.linalg.norm(w))
        assert found["update_ratio"] == pytest.approx(np.linalg.norm(w - old) / larger, rel=1e-4)
    norms = [found["grad_norm"] for found in statistics.layers.values()]
    assert np.linalg.norm(norms) == pytest.approx(step.grad_norm, rel=1e-5)


def test_a_parameter_that_is_zero_and_stays_so_has_ratio_0() -> None:
    loop = small_loop(statistics_every=1)
    for _, parameter in loop.model.named_parameters():
        parameter.data[...] = 0
    loop.set("optim.lr", 1e-300)

    _, statistics = iter(loop).__next__(), next(iter(loop))

    assert isinstance(statistics, LayerStatistics)
    assert {found["update_ratio"] for found in statistics.layers.values()} == {0.0}


def test_of_a_step_that_half_precision_left_out_they_tell_no_gradient_and_no_update() -> None:
    loop = small_loop(statistics_every=1, precision="float16")
    loop.gradients.scaler.update(2.0**120)
    happenings = iter(loop)

    next(happenings)
    statistics = next(happenings)

    assert isinstance(statistics, LayerStatistics)
    for found in statistics.layers.values():
        assert (found["grad_norm"], found["update_ratio"]) == (0.0, 0.0)
