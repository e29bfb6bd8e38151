from __future__ import annotations

import copy
from itertools import islice
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azuraforge.engine import nn, optim
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.nn import functional
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.train import Epoch, Loop, Step
from azuraforge.errors import ConfigError, NonFiniteError

ROWS, BATCH, EPOCHS = 22, 5, 3
EVENTS = EPOCHS * (5 + 1)  # steps and the epoch's end


def dataset(rows: int = ROWS, seed: int = 0) -> TensorDataset:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, 4)).astype(np.float32)
    return TensorDataset(x, (x[:, 0] > 0).astype(np.int64))


def accuracy(output: Any, data: TensorDataset) -> dict[str, float]:
    return {"accuracy": float((output.argmax(1) == data.arrays[1]).mean())}


def loop(
    *,
    seed: int = 1,
    model: nn.Module | None = None,
    train: TensorDataset | None = None,
    monitor: str = "loss",
    mode: Literal["min", "max"] = "min",
    metrics: Any = accuracy,
    lr: float = 0.01,
    loss: Any = functional.cross_entropy,
) -> Loop:
    generator = Generator(seed)
    weights = generator.child("weights")
    model = model or nn.Sequential(
        nn.Linear(4, 8, generator=weights),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(8, 2, generator=weights),
    )
    return Loop(
        model=model,
        optimizer=optim.Adam(model.parameters(), lr=lr),
        loss=loss,
        metrics=metrics,
        train=train or dataset(),
        validation=dataset(8, seed=1),
        monitor=monitor,
        mode=mode,
        epochs=EPOCHS,
        batch_size=BATCH,
        generator=generator,
    )


def everything(trained: Loop) -> tuple[dict[str, list[float]], dict[str, Any]]:
    arrays, values = trained.state_dict()
    return {key: array.tolist() for key, array in arrays.items()}, values


@settings(max_examples=25)
@given(done=st.integers(0, EVENTS))
def test_a_loop_resumed_anywhere_ends_with_the_same_bits(done: int) -> None:
    whole = loop()
    expected = list(whole)

    interrupted = loop()
    before = list(islice(interrupted, done))
    state = copy.deepcopy(interrupted.state_dict())
    resumed = loop(lr=0.5)
    resumed.load_state_dict(*state)
    after = list(resumed)

    assert before + after == expected
    assert everything(resumed) == everything(whole)


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    first, second, other = loop(), loop(), loop(seed=2)

    events, again, different = list(first), list(second), list(other)

    assert events == again
    assert everything(first) == everything(second)
    assert events != different


def test_a_pass_is_its_steps_and_then_its_epoch() -> None:
    events = list(loop())

    kinds = [type(event).__name__ for event in events]
    assert kinds == (["Step"] * 5 + ["Epoch"]) * EPOCHS
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.step for step in steps] == list(range(1, 16))
    assert [step.epoch for step in steps] == [1] * 5 + [2] * 5 + [3] * 5
    assert [step.rows for step in steps[:5]] == [5, 5, 5, 5, 2]


def test_the_means_of_an_epoch_count_every_row_once() -> None:
    events = list(loop())[:6]

    *steps, epoch = events
    assert isinstance(epoch, Epoch)
    weighted = [(s.loss, s.metrics["accuracy"], s.rows) for s in steps if isinstance(s, Step)]
    loss = sum(l * rows for l, _, rows in weighted) / ROWS
    share = sum(a * rows for _, a, rows in weighted) / ROWS
    assert epoch.train == pytest.approx({"loss": loss, "accuracy": share})


def test_validation_is_of_the_weights_after_the_pass_with_dropout_off() -> None:
    trained = loop()
    *_, epoch = trained

    x, target = trained.validation.arrays
    trained.model.eval()
    output = trained.model(Tensor(x))
    assert isinstance(epoch, Epoch)
    assert epoch.validation["loss"] == pytest.approx(
        functional.cross_entropy(output, target).item(), rel=1e-6
    )


@pytest.mark.parametrize(("mode", "best"), [("max", 2), ("min", 3)])
def test_the_weights_of_the_best_epoch_are_kept(mode: Literal["min", "max"], best: int) -> None:
    scores = iter([0.5, 0.9, 0.1])

    def metrics(output: Any, data: TensorDataset) -> dict[str, float]:
        return {"score": next(scores) if len(output) == 8 else 0.0}

    trained = loop(monitor="score", mode=mode, metrics=metrics)
    kept: list[dict[str, Any]] = []
    flags = []
    for event in trained:
        if isinstance(event, Epoch):
            kept.append({k: a.copy() for k, a in trained.model.state_dict().items()})
            flags.append(event.is_best)

    assert trained.best_epoch == best
    assert flags == [True, mode == "max", mode == "min"]
    for key, array in trained.best_weights.items():
        np.testing.assert_array_equal(array, kept[best - 1][key])


def test_the_gradient_norm_is_over_all_parameters() -> None:
    trained = loop()

    step = next(iter(trained))

    grads = [p.grad.data.reshape(-1) for p in trained.optimizer.params if p.grad is not None]
    assert isinstance(step, Step)
    assert step.grad_norm == pytest.approx(np.linalg.norm(np.concatenate(grads)), rel=1e-6)


def test_an_unknown_monitor_is_refused_with_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"'f1' is not among \['accuracy', 'loss'\]"):
        list(loop(monitor="f1"))


class LogOfInput(nn.Module):
    """A layer that makes NaN of negative numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2, generator=Generator(0))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return y.log().exp()


def test_a_nan_loss_names_the_step_and_the_first_op() -> None:
    with pytest.raises(
        NonFiniteError, match=r"^step 1: loss nan; LogOfInput: log made \d+ of 10 numbers"
    ):
        list(loop(model=LogOfInput()))


def test_a_nan_loss_changes_no_parameter() -> None:
    failing = loop(model=LogOfInput())
    before = copy.deepcopy(failing.model.state_dict())

    with pytest.raises(NonFiniteError):
        list(failing)

    for key, array in failing.model.state_dict().items():
        np.testing.assert_array_equal(array, before[key])


def test_a_parameter_that_is_nan_is_named() -> None:
    broken = loop()
    next(iter(broken))
    broken.model.state_dict()["3.bias"][0] = np.nan

    with pytest.raises(NonFiniteError, match=r"^step 2: .*parameter 3\.bias is not finite"):
        list(broken)


@pytest.mark.parametrize("where", [0, 1], ids=["input", "target"])
def test_a_batch_that_holds_nan_is_named(where: int) -> None:
    arrays = [array.astype(np.float32) for array in dataset().arrays]
    arrays[1] = np.stack((arrays[1], arrays[1]), 1)
    arrays[where][:, 0] = np.nan
    broken = loop(
        train=TensorDataset(*arrays), metrics=lambda output, data: {}, loss=functional.mse_loss
    )

    with pytest.raises(NonFiniteError, match=r"^step 1: loss nan; the batch itself holds NaN"):
        list(broken)
