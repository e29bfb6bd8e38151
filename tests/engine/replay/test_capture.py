"""A captured step against the same step done eagerly: every bit, over many steps."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import azuraforge as az
from azuraforge.engine import nn, optim
from azuraforge.engine.random import Generator
from azuraforge.engine.replay.capture import MOST_UNPROVEN, Captured, capture
from azuraforge.engine.tensor import Tensor

F = nn.functional
STEPS = 6


def classifier(generator: Generator) -> nn.Module:
    return nn.Sequential(
        nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.3, generator=generator), nn.Linear(8, 3)
    )


def convolutional(generator: Generator) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 3)
    )


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(2, 4, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.lstm(x)
        return self.head(y[:, -1])


class Shared(nn.Module):
    """One layer used twice, and a residual sum: gradients that meet."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = x + self.inner(x).relu()
        return self.head(h * 0.5 + self.inner(h).tanh()) - h.mean(1, keepdim=True)


class Attentive(nn.Module):
    """Heads as views of one product, learned places, and a gradient that lies across."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.Embedding(5, 8)
        self.into = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)
        self.head = nn.Linear(40, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.places(np.arange(5))
        split = self.into(x).reshape(-1, 5, 3, 2, 4)
        q, k, v = (split[:, :, i].transpose(1, 2) for i in range(3))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(-1, 5, 8))
        return self.head(self.out(x).transpose(1, 2).flatten(1))


CASES = {
    "attentive": (lambda generator: Attentive(), (5, 8)),
    "classifier": (classifier, (6,)),
    "convolutional": (convolutional, (1, 6, 6)),
    "recurrent": (lambda generator: Recurrent(), (5, 2)),
    "shared": (lambda generator: Shared(), (6,)),
}


def trainer(
    build: Callable[[Generator], nn.Module], optimizer: Callable[..., optim.Optimizer]
) -> tuple[nn.Module, Callable[[Any, Any], Tensor]]:
    az.manual_seed(3)
    model = build(Generator(5))
    steps = optimizer(model.parameters())

    def step(x: Any, y: Any) -> Tensor:
        steps.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        steps.step()
        return loss

    return model, step


def batches(shape: tuple[int, ...], count: int = STEPS) -> list[tuple[Tensor, Any]]:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((count, 4, *shape)).astype(np.float32)
    return [(Tensor(x[i]), rng.integers(0, 3, 4)) for i in range(count)]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
        lambda p: optim.Adam(p, lr=0.01),
    ],
    ids=["sgd", "adam"],
)
def test_a_captured_step_makes_the_same_bits_as_an_eager_one(name, optimizer):
    build, shape = CASES[name]
    eager_model, eager = trainer(build, optimizer)
    model, step = trainer(build, optimizer)
    captured = capture(step)

    losses = [(eager(x, y).item(), captured(x, y).item()) for x, y in batches(shape)]

    assert captured.reason is None
    assert all(one == other for one, other in losses)
    assert len({one for one, _ in losses}) == STEPS
    for expected, found in zip(eager_model.parameters(), model.parameters(), strict=True):
        assert expected.data.tobytes() == found.data.tobytes()


def test_a_step_may_leave_its_gradients_to_an_optimizer_outside_of_it():
    def run(wrap: Callable[[Any], Any]) -> list[bytes]:
        az.manual_seed(3)
        model = classifier(Generator(5))
        sgd = optim.SGD(model.parameters(), lr=0.1)

        def gradients(x: Any, y: Any) -> Tensor:
            sgd.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        step = wrap(gradients)
        for x, y in batches((6,)):
            step(x, y)
            sgd.step()
        return [p.data.tobytes() for p in model.parameters()]

    assert run(capture) == run(lambda step: step)


def test_a_replay_runs_none_of_the_functions_python():
    calls = []

    def step(x: Any) -> Tensor:
        calls.append(1)
        return (x * 2.0).sum()

    captured = capture(step)
    results = [captured(Tensor(np.full(3, i, np.float32))).item() for i in range(5)]

    assert results == [0, 6, 12, 18, 24]
    assert len(calls) == 3  # rehearsed, recorded, and proven


def test_another_shape_is_recorded_by_itself():
    captured = capture(lambda x: (x * x).sum())
    small, large = Tensor(np.ones(2, np.float32)), Tensor(np.ones(5, np.float32))

    results = [captured(x).item() for x in (small, large) * 5]

    assert results == [2, 5] * 5


def test_a_plain_value_that_changes_is_not_frozen():
    scale = 2.0

    def step(x: Any) -> Tensor:
        return (x * scale).sum()

    captured = capture(step)
    x = Tensor(np.ones(3, np.float32))
    for _ in range(4):
        captured(x)
    scale = 10.0

    assert captured(x).item() == 30


def test_a_learning_rate_that_changes_takes_effect():
    model = nn.Linear(2, 1)
    sgd = optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any) -> Tensor:
        sgd.zero_grad()
        loss = model(x).sum()
        loss.backward()
        sgd.step()
        return loss

    captured = capture(step)
    x = Tensor(np.ones((1, 2), np.float32))
    for _ in range(4):
        captured(x)
    before = model.bias.data.copy()
    sgd.param_groups[0]["lr"] = 5.0
    captured(x)

    assert before - model.bias.data == pytest.approx(5.0)


def test_dropout_draws_anew_at_every_replay():
    generator = Generator(1)
    captured = capture(lambda x: F.dropout(x, 0.5, generator=generator))
    x = Tensor(np.ones(64, np.float32))

    drawn = {captured(x).data.tobytes() for _ in range(6)}

    assert len(drawn) == 6


def test_training_and_evaluation_are_recorded_apart():
    model = nn.Sequential(nn.Dropout(0.5, generator=Generator(1)))
    captured = capture(model)
    x = Tensor(np.ones(64, np.float32))
    for _ in range(4):
        captured(x)
    model.eval()

    assert (captured(x).data == 1).all()


def reads_a_number(x: Tensor) -> Tensor:
    return x * x.sum().item()


def returns_a_float(x: Tensor) -> float:
    return 3.0


@pytest.mark.parametrize("step", [reads_a_number, returns_a_float])
def test_a_step_that_cannot_be_repeated_stays_eager_and_says_why(step):
    captured = capture(step)

    with pytest.warns(UserWarning, match="stays eager"):
        captured(Tensor(np.ones(2, np.float32)))

    assert captured.reason is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        captured(Tensor(np.ones(2, np.float32)))  # and says it once


def test_a_step_that_differs_from_its_recording_is_found_and_the_eager_one_counts():
    counted = [0]

    def step(x: Tensor) -> Tensor:
        counted[0] += 1
        return x * Tensor(np.float32(counted[0]) * np.ones(2, np.float32))

    captured: Captured = capture(step)
    x = Tensor(np.ones(2, np.float32))
    captured(x)
    captured(x)
    with pytest.warns(UserWarning, match="differs"):
        third = captured(x)

    assert (third.data == 3).all()
    assert (captured(x).data == 4).all()


def test_recordings_that_are_never_used_again_are_forgotten():
    def step(x, scale):
        return x * scale

    captured = capture(step)
    x = Tensor(np.ones(3, np.float32))

    for scale in range(100):
        captured(x, scale)

    assert len(captured._plans) <= MOST_UNPROVEN
    captured(x, 99)
    captured(x, 99)
    assert captured.is_replayed


SECOND_ORDER: dict[str, Callable[..., Tensor]] = {
    "tanh": lambda x, w: (x @ w).tanh(),
    "relu": lambda x, w: F.relu(x @ w) ** 2,
    "softmax": lambda x, w: F.softmax(x @ w, 1) ** 2,
    "amax": lambda x, w: (x @ w).amax(1) ** 2,
    "index": lambda x, w: x[[0, 2, 2]] ** 3 @ w,
    "cumsum": lambda x, w: (x @ w).cumsum(1).exp(),
}


@pytest.mark.parametrize("name", SECOND_ORDER)
def test_a_step_with_gradients_of_gradients_is_captured(name):
    function = SECOND_ORDER[name]
    w = az.tensor(np.random.default_rng(1).standard_normal((4, 3)), requires_grad=True)

    def penalty(x):
        x = x.detach().requires_grad_()
        w.grad = None
        (g,) = az.grad(function(x, w).sum(), [x], create_graph=True)
        loss = (g * g).sum()
        loss.backward()
        return loss

    def run(step):
        rng, found = np.random.default_rng(0), []
        for _ in range(STEPS):
            loss = step(az.tensor(rng.standard_normal((5, 4))))
            found += [loss.item(), w.grad.data.copy()]
        return found

    step = capture(penalty)
    expected = run(penalty)

    for own, other in zip(run(step), expected, strict=True):
        np.testing.assert_array_equal(own, other)
    assert step.is_replayed
