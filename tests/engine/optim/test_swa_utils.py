from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from azuraforge import capture
from azuraforge.engine import nn
from azuraforge.engine.optim import swa_utils
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import ConfigError


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def moved(net: Any, rng: np.random.Generator) -> dict[str, Any]:
    """The state after its arrays went to other numbers; counts go up by one."""
    for array in net.state_dict().values():
        array[...] = rng.normal(size=array.shape) if array.ndim else array + 1
    return {key: array.copy() for key, array in net.state_dict().items()}


def test_the_average_is_the_mean_of_the_models(rng: np.random.Generator) -> None:
    net = model()
    average = swa_utils.AveragedModel(net)

    states = []
    for _ in range(5):
        states.append(moved(net, rng))
        average.update_parameters(net)

    for name, parameter in average.module.named_parameters():
        mean = np.mean([state[name] for state in states], axis=0)
        np.testing.assert_allclose(parameter.data, mean, atol=1e-6)
    np.testing.assert_array_equal(average.module[1].running_mean.data, states[-1]["1.running_mean"])
    assert average.n_averaged.data == 5


@pytest.mark.parametrize("is_multi", [False, True])
def test_an_exponential_average_follows_its_formula(
    is_multi: bool, rng: np.random.Generator
) -> None:
    net = model()
    by: dict[str, Any] = {"avg_fn": swa_utils.get_ema_avg_fn(0.8)}
    if is_multi:
        by = {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.8)}
    average = swa_utils.AveragedModel(net, **by, use_buffers=True)

    expected: Any = None
    for _ in range(4):
        now = moved(net, rng)["1.running_var"]
        expected = now if expected is None else 0.8 * expected + 0.2 * now
        average.update_parameters(net)

    np.testing.assert_allclose(average.module[1].running_var.data, expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["swa", "ema", "multi", "own"])
@pytest.mark.parametrize("use_buffers", [False, True])
def test_averages_are_pytorchs(kind: str, use_buffers: bool, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")
    options: dict[str, Any] = {
        "swa": lambda library: {},
        "ema": lambda library: {"avg_fn": library.get_ema_avg_fn(0.9)},
        "multi": lambda library: {"multi_avg_fn": library.get_ema_multi_avg_fn(0.9)},
        "own": lambda library: {"avg_fn": lambda mine, its, count: mine * 0.5 + its * 2},
    }[kind]
    net = model()
    peer = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    )
    average = swa_utils.AveragedModel(net, **options(swa_utils), use_buffers=use_buffers)
    theirs = torch.optim.swa_utils
    other = theirs.AveragedModel(peer, **options(theirs), use_buffers=use_buffers)

    for _ in range(4):
        state = moved(net, rng)
        peer.load_state_dict({key: torch.as_tensor(value) for key, value in state.items()})
        average.update_parameters(net)
        other.update_parameters(peer)

    expected = {key: value.numpy() for key, value in other.state_dict().items()}
    assert average.state_dict().keys() == expected.keys()
    for key, array in average.state_dict().items():
        np.testing.assert_allclose(array, expected[key], rtol=1e-5, atol=1e-6, err_msg=key)


def test_running_statistics_become_those_of_all_batches(rng: np.random.Generator) -> None:
    net = model()
    batches = [(tensor(rng.normal(size=(8, 3)).astype(np.float32)), None) for _ in range(3)]
    net[1].running_mean.data[...] = np.nan
    net.eval()

    swa_utils.update_bn(batches, net)

    features = [net[0](x).data for x, _ in batches]
    means = np.mean([f.mean(0) for f in features], axis=0)
    variances = np.mean([f.var(0, ddof=1) for f in features], axis=0)
    np.testing.assert_allclose(net[1].running_mean.data, means, atol=1e-6)
    np.testing.assert_allclose(net[1].running_var.data, variances, rtol=1e-5)
    assert net[1].num_batches_tracked.data == 3
    assert (net[1].momentum, net[1].training) == (0.1, False)


def test_a_copy_computes_with_its_own_parameters(rng: np.random.Generator) -> None:
    net = model().eval()
    x = tensor(rng.normal(size=(2, 3)).astype(np.float32))
    before = net(x).data.copy()
    net(x).sum().backward()

    average = swa_utils.AveragedModel(net)
    moved(net, rng)

    np.testing.assert_array_equal(average(x).data, before)
    assert all(parameter.grad is None for parameter in average.parameters())


def test_an_average_within_a_captured_step_keeps_it_eager(rng: np.random.Generator) -> None:
    net = nn.Linear(1, 1)
    average = swa_utils.AveragedModel(net)

    @capture
    def step(x: Tensor) -> Tensor:
        average.update_parameters(net)
        return net(x)

    with pytest.warns(UserWarning, match="updates an AveragedModel; do that after the step's call"):
        step(tensor([[1.0]]))
    step(tensor([[1.0]]))

    assert average.n_averaged.data == 2


def test_what_cannot_be_averaged_is_refused() -> None:
    ema, multi = swa_utils.get_ema_avg_fn(), swa_utils.get_ema_multi_avg_fn()

    with pytest.raises(ConfigError, match="allowed: one of them"):
        swa_utils.AveragedModel(nn.Linear(1, 1), avg_fn=ema, multi_avg_fn=multi)
    with pytest.raises(ConfigError, match=r"decay 1\.1; allowed: 0 <= decay <= 1"):
        swa_utils.get_ema_avg_fn(1.1)
