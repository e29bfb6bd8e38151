from __future__ import annotations

import copy
from itertools import islice
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn, optim
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.nn.utils.clip_grad import clip_grad_norm_
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.train import Loop, Step
from azuraforge.errors import ConfigError
from tests.engine.train.small import ROWS, dataset, mlp, small_loop


def plain_loop(**options: Any) -> Loop:
    """Nothing random but the order of the rows."""
    model = mlp(Generator(5), dropout=0.0)
    return small_loop(model=model, optimizer=lambda p: optim.SGD(p, lr=0.1), **options)


def gradients(loop: Loop) -> list[Any]:
    return [p.grad.data.copy() for p in loop.optimizer.params if p.grad is not None]


@pytest.mark.parametrize(("batch", "accumulate"), [(5, 2), (5, 5), (4, 3), (3, 7)])
def test_accumulated_batches_are_one_batch_of_all_their_rows(batch: int, accumulate: int) -> None:
    """22 rows: the last batch of each pass is short, and so is the last group of batches."""
    large, small = (
        plain_loop(batch_size=batch * accumulate),
        plain_loop(batch_size=batch, accumulate=accumulate),
    )

    for ours, expected in zip(small, large, strict=True):
        assert type(ours) is type(expected)
        assert ours.step == expected.step
        if isinstance(ours, Step) and isinstance(expected, Step):
            assert ours.rows == expected.rows
            assert ours.loss == pytest.approx(expected.loss, rel=1e-4)
            assert ours.grad_norm == pytest.approx(expected.grad_norm, rel=1e-4)
            assert ours.metrics == pytest.approx(expected.metrics)
            for g, e in zip(gradients(small), gradients(large), strict=True):
                np.testing.assert_allclose(g, e, rtol=1e-3, atol=1e-6)
    for a, b in zip(small.best_weights.values(), large.best_weights.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


class Branching(nn.Module):
    """A parameter that only rows with a first number above 9 use, and one that none does."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2, generator=Generator(0))
        self.rare = nn.Parameter(np.ones(2, np.float32))
        self.unused = nn.Parameter(np.ones(2, np.float32))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return y * self.rare if (x.data[:, 0] > 9).any() else y


# Which parameters it uses is up to the rows: what capture warns of is what is tested here.
@pytest.mark.filterwarnings("ignore:capture. its second call makes other arrays")
def test_a_parameter_that_one_of_the_batches_uses_gets_its_share() -> None:
    x = np.ones((2, 4), np.float32)
    x[0] = 10
    rows = TensorDataset(x, np.array([0, 1]))

    loop = small_loop(model=Branching(), train=rows, batch_size=1, accumulate=2)
    alone = small_loop(model=Branching(), train=rows.subset(slice(0, 1)), batch_size=1)
    next(iter(loop))
    next(iter(alone))

    model, other = loop.model, alone.model
    assert isinstance(model, Branching)
    assert isinstance(other, Branching)
    assert model.unused.grad is None
    assert model.rare.grad is not None
    assert other.rare.grad is not None
    np.testing.assert_allclose(model.rare.grad.data, other.rare.grad.data / 2, rtol=1e-6)


def test_no_batches_in_a_step_are_refused() -> None:
    with pytest.raises(ConfigError, match="accumulate 0; allowed: 1 or more batches"):
        small_loop(accumulate=0)


def test_a_gradient_above_clip_norm_is_brought_to_it_and_told_as_it_was() -> None:
    free, clipped = plain_loop(), plain_loop(clip_norm=0.01)

    before, after = next(iter(free)), next(iter(clipped))

    assert isinstance(before, Step)
    assert isinstance(after, Step)
    assert after.grad_norm == before.grad_norm > 0.01
    assert np.linalg.norm(np.concatenate([g.ravel() for g in gradients(clipped)])) == pytest.approx(
        0.01, rel=1e-3
    )


@pytest.mark.parametrize("largest", [0.01, 0.3, 1e6])
def test_clipping_is_pytorchs(largest: float) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")
    free, clipped = plain_loop(), plain_loop(clip_norm=largest)
    next(iter(free))
    next(iter(clipped))
    given = [torch.zeros(g.shape, requires_grad=True) for g in gradients(free)]
    for tensor, g in zip(given, gradients(free), strict=True):
        tensor.grad = torch.from_numpy(g)

    torch.nn.utils.clip_grad_norm_(given, largest)
    clip_grad_norm_(free.optimizer.params, largest)

    for ours, engine, its in zip(gradients(clipped), gradients(free), given, strict=True):
        np.testing.assert_allclose(ours, its.grad.numpy(), rtol=1e-6)
        np.testing.assert_allclose(ours, engine, rtol=1e-6)


OPTIONS: dict[str, dict[str, Any]] = {
    "clip": {"clip_norm": 0.05},
    "ema": {"ema": 0.9},
    "accumulate": {"accumulate": 2},
    "statistics": {"statistics_every": 1},
    "float16": {"precision": "float16"},
}


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_steps_are_replayed_with_every_option(option: str) -> None:
    loop = plain_loop(epochs=8, batch_size=11, **OPTIONS[option])

    list(loop)

    assert loop.gradients.captured.is_replayed


def test_half_precision_on_a_cpu_is_told_to_be_slow() -> None:
    assert "float32 is far faster here" in plain_loop(precision="float16").manner


def test_half_precision_trains_nearly_as_single_precision_does() -> None:
    whole, mixed = plain_loop(epochs=10), plain_loop(epochs=10, precision="float16")

    list(whole)
    list(mixed)

    assert mixed.best_validation["loss"] == pytest.approx(whole.best_validation["loss"], rel=0.02)
    assert all(array.dtype == np.float32 for array in mixed.model.state_dict().values())


def test_half_precision_multiplies_in_half() -> None:
    seen = set()
    loop = plain_loop(precision="float16")
    for _, layer in loop.model.named_modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_hook(lambda module, inputs, y: seen.add(y.dtype))

    next(iter(loop))

    assert seen == {np.dtype(np.float16)}


def test_a_step_whose_gradients_overflow_in_half_is_left_out_and_the_scale_halved() -> None:
    loop = plain_loop(precision="float16")
    scaler = loop.gradients.scaler
    scaler.update(2.0**120)
    before = copy.deepcopy(loop.model.state_dict())

    step = next(iter(loop))

    assert isinstance(step, Step)
    assert (step.step, step.grad_norm) == (1, 0.0)
    assert scaler.get_scale() == 2.0**119
    for key, array in loop.model.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


def test_resumed_in_half_precision_the_scale_goes_on() -> None:
    whole = plain_loop(precision="float16")
    whole.gradients.scaler.update(2.0**120)
    expected = list(whole)

    interrupted = plain_loop(precision="float16")
    interrupted.gradients.scaler.update(2.0**120)
    before = list(islice(interrupted, 3))
    resumed = plain_loop(precision="float16")
    resumed.load_state_dict(*copy.deepcopy(interrupted.state_dict()))

    assert before + list(resumed) == expected


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match="precision 'half'; allowed: float32, float16"):
        plain_loop(precision="half")


def test_every_row_is_seen_once_in_an_epoch_of_groups() -> None:
    loop = small_loop(accumulate=3, epochs=1, train=dataset())

    rows = [step.rows for step in loop if isinstance(step, Step)]

    assert rows == [15, 7]
    assert sum(rows) == ROWS
