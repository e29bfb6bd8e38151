from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azuraforge.engine import optim
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.nn import functional
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.train import (
    EarlyStop,
    Epoch,
    LayerStatistics,
    Loop,
    Schedule,
    Step,
    Validation,
)
from azuraforge.errors import ConfigError
from tests.engine.train.small import (
    EPOCHS,
    ROWS,
    STEPS,
    everything,
    mlp,
    saved,
    small_loop,
)

HAPPENINGS = EPOCHS * (STEPS + 1)  # steps and the epoch's end


def full_loop(seed: int = 3) -> Loop:
    """With every option, three steps of two batches in an epoch, and batch norm."""
    return small_loop(
        seed=seed,
        model=mlp(Generator(seed).child("weights"), is_normed=True),
        optimizer=lambda parameters: optim.SGD(parameters, lr=0.5, momentum=0.9),
        schedule=Schedule(name="plateau", warmup_steps=4, gamma=0.5, patience=0),
        epochs=6,
        accumulate=2,
        clip_norm=0.1,
        ema=0.5,
        patience=2,
        min_delta=0.2,
        validate_every=2,
        statistics_every=2,
    )


@settings(max_examples=25)
@given(done=st.integers(0, HAPPENINGS))
def test_a_loop_resumed_anywhere_ends_with_the_same_bits(done: int) -> None:
    whole = small_loop()
    expected = list(whole)

    interrupted = small_loop()
    before = list(islice(interrupted, done))
    resumed = small_loop(seed=9, optimizer=lambda parameters: optim.Adam(parameters, lr=0.5))
    resumed.load_state_dict(*saved(interrupted))
    after = list(resumed)

    assert before + after == expected
    assert everything(resumed) == everything(whole)


def test_a_loop_with_every_option_tells_of_everything_and_ends_early() -> None:
    happenings = list(full_loop())

    kinds = {type(happening) for happening in happenings}
    assert kinds == {Step, LayerStatistics, Validation, Epoch, EarlyStop}


Sets = dict[int, tuple[str, Any]]  # by the happening after which each takes effect
LIVE_SETS: list[tuple[str, Any]] = [
    ("optim.lr", 0.1),
    ("optim.momentum", 0.0),
    ("optim.weight_decay", 0.1),
    ("training.clip_norm", None),
    ("training.patience", 1),
    ("training.patience", None),
    ("training.epochs", 7),
    ("training.statistics_every", 1),
]
live_sets = st.sampled_from(LIVE_SETS)


def driven(loop: Loop, sets: Sets, first: int = 0, last: int = 10**9) -> Iterator[Any]:
    """What happens between two happenings of a loop, settings being changed on the way."""
    happenings = iter(loop)
    for number in range(first, last):
        if number in sets and not loop.is_done:  # as nobody can once a run has ended
            loop.set(*sets[number])
        happening = next(happenings, None)
        if happening is None:
            return
        yield happening


@settings(max_examples=40, deadline=None)
@given(done=st.integers(0, 40), sets=st.dictionaries(st.integers(0, 20), live_sets, max_size=4))
def test_resumed_with_every_option_and_settings_changed_the_bits_are_the_same(
    done: int, sets: Sets
) -> None:
    whole = full_loop()
    expected = list(driven(whole, sets))

    interrupted = full_loop()
    before = list(driven(interrupted, sets, last=done))
    resumed = full_loop(seed=4)
    resumed.load_state_dict(*saved(interrupted))
    after = list(driven(resumed, sets, first=done))

    assert before + after == expected
    assert everything(resumed) == everything(whole)


@pytest.mark.parametrize("live", LIVE_SETS, ids=[f"{path}={value}" for path, value in LIVE_SETS])
def test_a_setting_that_was_changed_is_part_of_the_state(live: tuple[str, Any]) -> None:
    changed = full_loop()
    list(driven(changed, {3: live}, last=4))

    resumed = full_loop()
    resumed.load_state_dict(*saved(changed))

    assert everything(resumed) == everything(changed)
    assert resumed.best_step == changed.best_step > 0
    assert list(resumed) == list(changed)


def test_a_loop_may_be_taken_back_while_it_is_iterated() -> None:
    loop = full_loop()
    happenings = iter(loop)
    state, expected = None, []
    for _ in range(4):
        next(happenings)
    state = saved(loop)
    expected = [next(happenings) for _ in range(5)]

    loop.load_state_dict(*state)
    again = [next(happenings) for _ in range(5)]

    assert again == expected


def test_a_loop_of_another_seed_becomes_the_one_loaded_in_the_middle_of_the_same_epoch() -> None:
    loop, other = full_loop(), full_loop(seed=4)
    list(islice(loop, 2))
    list(islice(other, 2))

    other.load_state_dict(*saved(loop))

    assert list(other) == list(loop)


def test_layers_that_were_left_evaluating_are_trained_from_the_first_step_on() -> None:
    model = mlp(Generator(0))
    model[2].eval()

    assert list(small_loop(model=model)) == list(small_loop(model=mlp(Generator(0))))


def test_a_state_of_another_format_is_refused() -> None:
    loop = small_loop()
    arrays, values = saved(loop)
    del values["format"]

    with pytest.raises(ConfigError, match="has format 1; allowed: 2"):
        loop.load_state_dict(arrays, values)


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    first, second, other = small_loop(), small_loop(), small_loop(seed=2)

    events, again, different = list(first), list(second), list(other)

    assert events == again
    assert everything(first) == everything(second)
    assert events != different


def test_a_pass_is_its_steps_and_then_its_epoch() -> None:
    events = list(small_loop())

    kinds = [type(event).__name__ for event in events]
    assert kinds == (["Step"] * 5 + ["Epoch"]) * EPOCHS
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.step for step in steps] == list(range(1, 16))
    assert [step.epoch for step in steps] == [1] * 5 + [2] * 5 + [3] * 5
    assert [step.rows for step in steps[:5]] == [5, 5, 5, 5, 2]


def test_the_means_of_an_epoch_count_every_row_once() -> None:
    events = list(small_loop())[:6]

    *steps, epoch = events
    assert isinstance(epoch, Epoch)
    weighted = [(s.loss, s.metrics["accuracy"], s.rows) for s in steps if isinstance(s, Step)]
    loss = sum(l * rows for l, _, rows in weighted) / ROWS
    share = sum(a * rows for _, a, rows in weighted) / ROWS
    assert epoch.train == pytest.approx({"loss": loss, "accuracy": share})


def test_validation_is_of_the_weights_after_the_pass_with_dropout_off() -> None:
    trained = small_loop()
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

    trained = small_loop(monitor="score", mode=mode, metrics=metrics)
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
    trained = small_loop()

    step = next(iter(trained))

    grads = [p.grad.data.reshape(-1) for p in trained.optimizer.params if p.grad is not None]
    assert isinstance(step, Step)
    assert step.grad_norm == pytest.approx(np.linalg.norm(np.concatenate(grads)), rel=1e-6)


def test_an_unknown_monitor_is_refused_with_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"'f1' is not among \['accuracy', 'loss'\]"):
        list(small_loop(monitor="f1"))


def scores(*values: float) -> Any:
    """Metrics whose validation scores are these, one after the other."""
    left = iter(values)

    def metrics(output: Any, data: TensorDataset) -> dict[str, float]:
        return {"score": next(left) if len(output) == 8 else 0.0}

    return metrics


def test_a_loop_ends_after_patience_epochs_without_an_improvement() -> None:
    stopped = small_loop(
        metrics=scores(1, 3, 2, 3, 9), monitor="score", mode="max", epochs=5, patience=2
    )

    *_, last = happenings = list(stopped)

    assert sum(isinstance(happening, Epoch) for happening in happenings) == 4
    assert last == EarlyStop(
        step=20,
        epoch=4,
        reason="2 epochs brought no better validation score than 3 (training.patience)",
    )
    assert (stopped.best_epoch, stopped.best_step) == (2, 10)
    assert stopped.is_done
    assert list(stopped) == []


def test_an_improvement_of_less_than_min_delta_does_not_count_yet_may_be_the_best() -> None:
    stopped = small_loop(
        metrics=scores(1, 0.9, 0.8),
        monitor="score",
        epochs=9,
        patience=2,
        min_delta=0.5,
    )

    *_, last = list(stopped)

    assert isinstance(last, EarlyStop)
    assert (last.epoch, stopped.best_epoch) == (3, 3)


def test_a_loop_at_its_last_epoch_does_not_end_early() -> None:
    happenings = list(small_loop(metrics=scores(1, 2, 3), monitor="score", epochs=3, patience=2))

    assert isinstance(happenings[-1], Epoch)


def test_patience_set_after_an_epoch_ends_the_loop_there() -> None:
    stopped = small_loop(metrics=scores(1, 2, 3), monitor="score")
    happenings = iter(stopped)
    list(islice(happenings, 2 * (STEPS + 1)))

    stopped.set("training.patience", 1)

    (last,) = happenings
    assert isinstance(last, EarlyStop)


def test_patience_set_within_an_epoch_waits_for_its_end() -> None:
    stopped = small_loop(metrics=scores(1, 2, 3, 4), monitor="score", epochs=4)
    happenings = iter(stopped)
    list(islice(happenings, 2 * (STEPS + 1) + 2))

    stopped.set("training.patience", 1)

    *_, epoch, last = happenings
    assert isinstance(epoch, Epoch)
    assert isinstance(last, EarlyStop)
    assert last.epoch == epoch.epoch == 3


def test_validation_within_an_epoch_may_be_the_best_and_is_not_told_twice() -> None:
    loop = small_loop(
        metrics=scores(1, 9, 3, 2, 5),
        monitor="score",
        mode="max",
        epochs=2,
        batch_size=4,
        validate_every=2,
    )  # 6 steps an epoch: the sixth is validated as its end

    told = [h for h in islice(loop, 12) if isinstance(h, Validation | Epoch)]

    assert [(type(h).__name__, h.step, h.is_best) for h in told] == [
        ("Validation", 2, True),
        ("Validation", 4, True),
        ("Epoch", 6, False),
        ("Validation", 8, False),
    ]
    assert (loop.best_epoch, loop.best_step) == (1, 4)


def test_the_rate_of_a_step_is_the_base_rate_times_the_schedules_factor() -> None:
    schedule = Schedule(name="linear", warmup_steps=3)
    loop = small_loop(schedule=schedule)

    rates = [happening.lr for happening in loop if isinstance(happening, Step)]

    assert rates == [0.01 * schedule.factor(done, 15) for done in range(15)]


def test_a_plateau_lowers_the_rate_from_the_next_step_on() -> None:
    loop = small_loop(
        metrics=scores(1, 2, 3),
        monitor="score",
        schedule=Schedule(name="plateau", gamma=0.5, patience=0),
    )

    rates = [happening.lr for happening in loop if isinstance(happening, Step)]

    assert rates == [0.01] * 10 + [0.005] * 5
