"""A frozen model against the same model called eagerly."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pytest

import azuraforge as az
from azuraforge.engine import nn
from azuraforge.engine.random import Generator
from azuraforge.engine.replay.frozen import MOST_PLANS, Frozen, freeze
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

F = nn.functional


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def eager(model: nn.Module, *inputs: Any) -> Any:
    with az.no_grad():
        return model.eval()(*inputs)


class Residual(nn.Module):
    """Convolutions and norms with running statistics that are not those of a new layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(8), nn.BatchNorm2d(8), nn.BatchNorm1d(5)])
        self.second = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.short = nn.Conv2d(8, 8, 1, stride=2)
        self.head = nn.Linear(8 * 3 * 3, 5)
        for i, norm in enumerate(self.norms):
            norm.running_mean.data[...] = numbers(norm.num_features, seed=i).data
            norm.running_var.data[...] = numbers(norm.num_features, seed=i + 9).data ** 2 + 0.5
            norm.weight.data[...] = numbers(norm.num_features, seed=i + 99).data

    def forward(self, x: Tensor) -> Tensor:
        x = self.norms[0](self.first(x)).relu()
        x = (self.norms[1](self.second(x)) + self.short(x)).relu()
        return self.norms[2](self.head(x.flatten(1)))


class Forecaster(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.recurrent = getattr(nn, kind)(3, 5, num_layers=2, batch_first=True, dropout=0.2)
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        y, state = self.recurrent(x)
        return self.head(y[:, -1]), state


class Attentive(nn.Module):
    """Tokens, places that are no input, heads as views of one product."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(11, 8), nn.Embedding(6, 8)
        self.norm = nn.LayerNorm(8)
        self.into, self.out = nn.Linear(8, 24), nn.Linear(8, 8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.tokens(x) + self.places(np.arange(6))
        split = self.into(self.norm(y)).reshape(-1, 6, 3, 2, 4)
        q, k, v = (split[:, :, i].transpose(1, 2) for i in range(3))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return F.gelu(self.out(seen.transpose(1, 2).reshape(-1, 6, 8))) + y


class Picky(nn.Module):
    """Indices that depend on the input."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(4, 6)

    def forward(self, x: Tensor) -> Tensor:
        y = self.line(x)
        return y[[0, 0], y.argmax(1)[0]] * y[0, y[0].argmax()]


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))


def dilated() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, padding=2, dilation=2), nn.BatchNorm1d(4), nn.Tanh(), nn.Conv1d(4, 1, 1)
    )


CASES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "perceptron": (perceptron, (6,)),
    "residual": (Residual, (3, 6, 6)),
    "dilated": (dilated, (2, 12)),
    "lstm": (lambda: Forecaster("LSTM"), (7, 3)),
    "gru": (lambda: Forecaster("GRU"), (7, 3)),
    "picky": (Picky, (4,)),
}


def flat(result: Any) -> list[Any]:
    if isinstance(result, tuple | list):
        return [array for one in result for array in flat(one)]
    return [result.data]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_a_frozen_model_says_what_the_model_says(name, batch):
    az.manual_seed(1)
    make, shape = CASES[name]
    model = make()
    frozen = freeze(model, numbers(batch, *shape))

    for seed in range(1, 4):
        x = numbers(batch, *shape, seed=seed)
        expected, found = flat(eager(model, x)), flat(frozen(x))

        assert frozen.reason is None
        for y, made in zip(expected, found, strict=True):
            assert made == pytest.approx(y, rel=1e-4, abs=2e-6)


def test_tokens_are_an_input_as_well():
    model = Attentive()
    frozen = freeze(model, Tensor(np.arange(6).reshape(1, 6)))
    tokens = Tensor(np.array([[3, 1, 4, 1, 5, 10]]))

    found = frozen(tokens)

    assert frozen.reason is None
    assert found.data == pytest.approx(eager(model, tokens).data, rel=1e-5, abs=1e-6)
    with pytest.raises(ShapeError, match="11"):
        frozen(Tensor(np.array([[3, 1, 4, 1, 5, 11]])))


def test_what_is_not_folded_has_the_bits_of_the_eager_call():
    az.manual_seed(1)
    model = perceptron()
    frozen = freeze(model, numbers(1, 6))

    assert frozen(numbers(1, 6, seed=5)).data.tobytes() == (
        eager(model, numbers(1, 6, seed=5)).data.tobytes()
    )


def test_a_plan_runs_none_of_the_models_python():
    calls = []

    class Counting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            calls.append(1)
            return x * 2.0

    frozen = freeze(Counting(), numbers(2))
    made = len(calls)

    assert frozen(Tensor(np.ones(2, np.float32))).data.tolist() == [2, 2]
    assert len(calls) == made


def test_an_output_is_not_overwritten_by_the_next_call():
    frozen = freeze(perceptron(), numbers(1, 6))

    first = frozen(numbers(1, 6, seed=1))
    before = first.data.copy()
    frozen(numbers(1, 6, seed=2))

    assert (first.data == before).all()


def test_a_shape_is_eager_once_and_few_plans_are_kept():
    frozen = freeze(perceptron())

    for batch in (*range(1, MOST_PLANS + 3), *range(1, MOST_PLANS + 3)):
        assert frozen(numbers(batch, 6)).shape == (batch, 3)

    assert len(frozen._plans) == MOST_PLANS


def test_weights_loaded_through_the_frozen_model_are_noticed():
    az.manual_seed(1)
    model, other = perceptron(), perceptron()
    x = numbers(1, 6)
    frozen = freeze(model, x)

    frozen.load_state_dict(other.state_dict())

    for _ in range(3):
        assert frozen(x).data == pytest.approx(eager(other, x).data)


def test_a_frozen_model_turns_into_float64_and_stays_one_model():
    model = perceptron()
    x = numbers(1, 6)
    frozen = freeze(model, x).double()

    found = [frozen(Tensor(x.data.astype(np.float64))) for _ in range(3)]

    assert isinstance(frozen, Frozen)
    assert found[-1].dtype == np.float64
    assert list(frozen.state_dict()) == list(model.state_dict())
    assert frozen.eval() is frozen
    assert frozen.append == model.append  # what a model has of its own is there, too


def test_a_frozen_model_is_not_trained():
    with pytest.raises(ConfigError, match="frozen"):
        freeze(perceptron()).train()


class ReadsANumber(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.sum().item()


class ReadsArrays(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return Tensor(x.data * x.data)


class DrawsAlways(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.5, generator=Generator(1))


class ReturnsAFloat(nn.Module):
    def forward(self, x: Tensor) -> float:
        return 3.0


class RefusesOthers(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if float(x.data[0]) != 0:
            raise ValueError("not mine")
        return x * 2.0


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (ReadsANumber(), "reads numbers"),
        (ReadsArrays(), "differ"),
        (DrawsAlways(), "generator"),
        (ReturnsAFloat(), "returns a float"),
        (RefusesOthers(), "not mine"),
    ],
)
def test_a_model_that_is_more_than_calls_on_arrays_stays_eager_and_says_why(model, why):
    x = Tensor(np.arange(3, dtype=np.float32))

    with pytest.warns(UserWarning, match="stays eager"):
        frozen = freeze(model, x)

    assert why in frozen.reason
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frozen(x)  # and says it once


def test_several_threads_get_their_own_answers():
    model = perceptron()
    frozen = freeze(model, numbers(1, 6))
    inputs = [numbers(1, 6, seed=seed) for seed in range(4)]
    expected = [eager(model, x).data for x in inputs]
    wrong: list[Any] = []

    def ask(i: int) -> None:
        found = [frozen(inputs[i]).data for _ in range(200)]
        wrong.extend(y for y in found if not np.allclose(y, expected[i], rtol=1e-5))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_batch_norm_after_a_convolution_costs_no_call():
    model = Residual()
    plain = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU())
    normed = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), model.norms[0], nn.ReLU())

    lengths = []
    for each in (plain, normed):
        (plan,) = freeze(each, numbers(1, 3, 6, 6))._plans.values()
        lengths.append(len(plan._tape.calls))

    assert lengths[0] == lengths[1]
