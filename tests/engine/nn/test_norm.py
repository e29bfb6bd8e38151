from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn, optim
from azuraforge.engine.nn import functional
from azuraforge.engine.random import Generator
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

RNG = np.random.default_rng(2)


def batches(count: int) -> list[Tensor]:
    return [Tensor(RNG.standard_normal((5, 3)).astype(np.float32)) for _ in range(count)]


def trained(given: list[Tensor], wrap: Callable[[Any], Any]) -> dict[str, Any]:
    """The state of a small model after a step on each batch."""
    model = nn.Sequential(nn.Linear(3, 3, generator=Generator(4)), nn.BatchNorm1d(3))
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = model(x).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    run = wrap(step)
    for x in given:
        run(x)
    assert getattr(run, "reason", None) is None
    return model.state_dict()


def test_a_replayed_step_moves_the_running_statistics_on() -> None:
    given = batches(5)

    eager = trained(given, lambda step: step)
    replayed = trained(given, capture)

    assert eager["1.num_batches_tracked"] == 5
    for key, array in eager.items():
        np.testing.assert_array_equal(replayed[key], array, err_msg=key)


def test_evaluation_leaves_the_running_statistics_alone() -> None:
    layer = nn.BatchNorm1d(3)
    layer(batches(1)[0])
    before = {key: array.copy() for key, array in layer.state_dict().items()}

    layer.eval()(batches(1)[0])

    for key, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


def test_a_mean_and_variance_of_a_batch_are_its_own() -> None:
    x = Tensor(100 + RNG.standard_normal((200, 3)).astype(np.float32))

    y = nn.BatchNorm1d(3)(x).data

    np.testing.assert_allclose(y.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-3)


def test_a_batch_that_is_not_finite_shows_in_the_statistics() -> None:
    layer = nn.BatchNorm1d(2)

    layer(Tensor(np.float32([[1, np.inf], [2, 1]])))

    assert np.isfinite(layer.state_dict()["running_mean"]).tolist() == [True, False]


def test_batch_norm_refuses_other_shapes_and_a_lack_of_statistics() -> None:
    with pytest.raises(ShapeError, match=r"BatchNorm2d: input \(2, 3\); allowed: \(batch, chan"):
        nn.BatchNorm2d(3)(Tensor(np.zeros((2, 3), np.float32)))
    with pytest.raises(ShapeError, match="with 3 channels"):
        nn.BatchNorm1d(3)(Tensor(np.zeros((2, 4), np.float32)))
    with pytest.raises(ConfigError, match="running_mean and running_var"):
        functional.batch_norm(Tensor(np.zeros((2, 3), np.float32)), None, None)


def test_gelu_refuses_an_approximation_it_does_not_know() -> None:
    with pytest.raises(ConfigError, match="'none', 'tanh'"):
        nn.GELU("erf")(Tensor(np.zeros(2, np.float32)))


def test_without_a_momentum_the_statistics_are_the_means_of_all_batches() -> None:
    batches = [RNG.standard_normal((6, 3)).astype(np.float32) for _ in range(4)]
    layer = nn.BatchNorm1d(3, momentum=None)
    step = capture(lambda x: layer(x).sum())

    for batch in batches:
        step(Tensor(batch))

    state = layer.state_dict()
    assert state["num_batches_tracked"] == 4
    np.testing.assert_allclose(
        state["running_mean"], np.mean([b.mean(0) for b in batches], 0), rtol=1e-5
    )
    np.testing.assert_allclose(
        state["running_var"], np.mean([b.var(0, ddof=1) for b in batches], 0), rtol=1e-5
    )


def test_group_norm_with_one_group_is_layer_norm() -> None:
    x = Tensor(RNG.standard_normal((2, 6, 5)))

    y = functional.group_norm(x, 1)

    np.testing.assert_allclose(y.data, functional.layer_norm(x, (6, 5)).data, rtol=1e-12)


def test_instance_norm_normalises_one_sample_as_in_a_batch() -> None:
    layer = nn.InstanceNorm2d(3)
    x = RNG.standard_normal((2, 3, 4, 5)).astype(np.float32)

    alone = layer(Tensor(x[1])).data

    np.testing.assert_array_equal(alone, layer(Tensor(x)).data[1])
    np.testing.assert_allclose(alone.mean((1, 2)), 0, atol=1e-6)
