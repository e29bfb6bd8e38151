from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn
from azuraforge.engine.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from azuraforge.engine.random import Generator
from azuraforge.engine.train import Epoch, Step
from azuraforge.engine.train.average import Average
from azuraforge.errors import ConfigError, ShapeError
from tests.engine.train.small import mlp, small_loop

DECAY = 0.8


def weights(model: nn.Module) -> dict[str, Any]:
    return {key: array.copy() for key, array in model.state_dict().items()}


def test_the_best_weights_are_the_average_of_those_after_each_step() -> None:
    model = mlp(Generator(0), is_normed=True)
    loop = small_loop(model=model, ema=DECAY, epochs=1)
    average: dict[str, Any] = {}

    for happening in loop:
        if isinstance(happening, Step):
            now = weights(model)
            before = average or now
            average = {k: DECAY * before[k] + (1 - DECAY) * now[k] for k in now}

    parameters = {key for key, _ in model.named_parameters()}
    assert parameters < loop.best_weights.keys()
    for key, array in loop.best_weights.items():
        expected = average[key] if key in parameters else weights(model)[key]
        np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-7)


def test_the_average_has_the_bits_of_an_averaged_model() -> None:
    """Of more numbers than a block, in both orders of axes."""
    model = nn.Linear(300, 400, generator=Generator(0))
    model.weight.data = np.asfortranarray(model.weight.data)
    average = Average(model, DECAY)
    expected = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(DECAY))

    for step in range(4):
        model.weight.data += Generator(step).normal(model.weight.shape)
        average.take()
        expected.update_parameters(model)

    with average.in_force():
        for key, array in model.state_dict().items():
            np.testing.assert_array_equal(array, expected.module.state_dict()[key])


def test_averages_that_do_not_fit_are_refused() -> None:
    average = Average(nn.Linear(2, 3), DECAY)

    with pytest.raises(
        ConfigError, match=r"averages of \['w'\] do not fit parameters \['bias', 'we"
    ):
        average.load_state_dict({"w": np.zeros(3)}, 1)
    with pytest.raises(ShapeError, match=r"ema: weight is \(2,\), here \(3, 2\)"):
        average.load_state_dict({"weight": np.zeros(2), "bias": np.zeros(3)}, 1)


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_a_decay_that_averages_nothing_is_refused(decay: float) -> None:
    with pytest.raises(ConfigError, match=f"ema {decay}; allowed: 0 or more, below 1"):
        small_loop(ema=decay)


def test_the_average_is_validated_and_training_goes_on_from_the_models_own() -> None:
    averaged, plain = small_loop(ema=DECAY), small_loop()

    ours, theirs = list(averaged), list(plain)

    for one, other in zip(ours, theirs, strict=True):
        if isinstance(one, Epoch) and isinstance(other, Epoch):
            assert one.train == other.train
            assert one.validation != other.validation
        else:
            assert one == other
    averaged.model.load_state_dict(averaged.best_weights)
    assert averaged.evaluate(averaged.validation) == averaged.best_validation


def test_an_average_that_forgets_at_once_is_the_model() -> None:
    assert list(small_loop(ema=0.0)) == list(small_loop())


def test_the_model_has_its_own_weights_again_when_validation_fails() -> None:
    loop = small_loop(ema=DECAY, monitor="none", epochs=1)
    happenings = iter(loop)
    for _ in range(5):
        next(happenings)
    before = weights(loop.model)

    with pytest.raises(ValueError, match="monitor"):
        next(happenings)

    for key, array in weights(loop.model).items():
        np.testing.assert_array_equal(array, before[key])
