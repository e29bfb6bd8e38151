from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.actors.training.trainer import Trainer
from azuraforge.engine import Tensor, compiling, nn
from azuraforge.errors import ConfigError, DeviceError, NonFiniteError, RefusedError
from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    Intervened,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    StepFinished,
)
from azuraforge.schema.records import Attempt, Checkpoint
from azuraforge.schema.specs import RunSpec, spec_hash
from azuraforge.store.blobs import MemoryBlobs
from tests.conftest import Clock

STEPS = 9  # three epochs of three batches
Numbered = list[tuple[int, Event]]


def spec(seed: int = 0, **config: Any) -> RunSpec:
    return RunSpec(plugin="tiny", config=config, seed=seed)


def events_of(trainer: Trainer) -> Numbered:
    return [(trainer.seq, event) for event in trainer]


def stopped_after(step: int, blobs: MemoryBlobs) -> Numbered:
    """The events of a run that is asked to stop as soon as it tells of this step."""
    trainer = Trainer(spec(), blobs=blobs)
    events: Numbered = []
    for event in trainer:
        events.append((trainer.seq, event))
        if getattr(event, "step", 0) == step:
            trainer.stop("enough")
    return events


def from_checkpoint(sha256: str) -> Attempt:
    """An attempt at a run of which no more than this checkpoint is known."""
    kept = Checkpoint(seq=0, step=0, epoch=0, sha256=sha256)
    return Attempt(
        run="r", number=2, spec=spec(), known_seq=1, checkpoints=[kept], requests=[], journal=[]
    )


def failed(trainer: Trainer, error: type[Exception]) -> list[Event]:
    """The events of a run that ends by raising this error."""
    events = []
    with pytest.raises(error):
        events.extend(trainer)  # keeps what came before the error
    return events


def test_a_run_tells_its_start_its_steps_its_epochs_and_its_end_in_order() -> None:
    epoch = [StepFinished] * 3 + [EpochFinished, CheckpointSaved]

    events = events_of(Trainer(spec()))

    assert [type(event) for _, event in events] == [RunStarted, *epoch * 3, RunFinished]
    assert [seq for seq, _ in events] == list(range(1, 18))


def test_the_start_tells_what_the_run_will_be() -> None:
    trainer = Trainer(spec())

    started = next(iter(trainer))

    assert isinstance(started, RunStarted)
    assert started.spec_hash == spec_hash(trainer.spec)
    assert (started.model, started.monitor, started.mode) == ("tiny", "loss", "min")
    assert started.parameters == (2 * 4 + 4) + (4 * 1 + 1)
    assert started.samples == {"train": 20, "validation": 12, "test": 12}
    assert (started.epochs, started.steps, started.threads) == (3, STEPS, 1)


def test_steps_count_over_the_whole_run_and_epochs_from_one() -> None:
    steps = [event for event in Trainer(spec()) if isinstance(event, StepFinished)]

    assert [(event.step, event.epoch) for event in steps] == [
        (step, 1 + (step - 1) // 3) for step in range(1, STEPS + 1)
    ]


def test_the_same_spec_and_seed_give_equal_events() -> None:
    assert events_of(Trainer(spec(seed=7))) == events_of(Trainer(spec(seed=7)))


def test_the_same_spec_and_seed_give_equal_events_in_another_process() -> None:
    script = (
        "import sys, msgspec\n"
        "from azuraforge import RunSpec, Trainer\n"
        "events = list(Trainer(RunSpec(plugin='tiny', seed=7)))\n"
        "sys.stdout.buffer.write(msgspec.json.encode(events))"
    )
    path = os.pathsep.join([str(Path(__file__).parents[1] / "tiny"), *sys.path])

    told = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "1"},
        capture_output=True,
        check=True,
    )

    assert msgspec.json.decode(told.stdout, type=list[Event]) == list(Trainer(spec(seed=7)))


def test_another_seed_gives_other_weights() -> None:
    one, other = (list(Trainer(spec(seed=seed)))[-1] for seed in (1, 2))

    assert isinstance(one, RunFinished)

    assert isinstance(other, RunFinished)
    assert one.weights != other.weights


def test_a_trainer_that_is_iterated_again_tells_the_same_again() -> None:
    trainer = Trainer(spec())

    assert events_of(trainer) == events_of(trainer)


@given(step=st.integers(1, STEPS - 1))
def test_a_stop_takes_effect_after_the_present_step_and_keeps_a_checkpoint(step: int) -> None:
    events = stopped_after(step, MemoryBlobs())

    *_, (_, told), (_, saved), (_, end) = events
    assert told == Intervened(step=step, command="stop", reason="enough", request=1)
    assert isinstance(saved, CheckpointSaved)
    assert saved.step == step
    assert end == RunStopped(step=step, reason="enough", checkpoint=saved.sha256)


@given(step=st.integers(0, STEPS - 1))
def test_a_stopped_run_that_is_resumed_ends_as_one_that_was_never_stopped(step: int) -> None:
    blobs = MemoryBlobs()
    *_, (seq, saved), (_, end) = stopped_after(step, blobs)
    assert isinstance(end, RunStopped)

    resumed = events_of(Trainer(spec(), blobs=blobs, attempt=from_checkpoint(end.checkpoint)))

    assert resumed[0] == (seq, saved)
    undisturbed = [event for _, event in events_of(Trainer(spec()))]
    already = {0: 1, **{s: 1 + s + 2 * ((s - 1) // 3) for s in range(1, STEPS)}}[step]
    assert [event for _, event in resumed[1:] if not isinstance(event, CheckpointSaved)] == [
        event for event in undisturbed[already:] if not isinstance(event, CheckpointSaved)
    ]


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_run_resumed_from_an_epochs_checkpoint_repeats_the_numbered_events_from_there(
    epoch: int,
) -> None:
    blobs = MemoryBlobs()
    events = events_of(Trainer(spec(), blobs=blobs))
    place, saved = next(
        (place, event)
        for place, (_, event) in enumerate(events)
        if isinstance(event, CheckpointSaved) and event.epoch == epoch
    )

    resumed = events_of(Trainer(spec(), blobs=blobs, attempt=from_checkpoint(saved.sha256)))

    assert resumed == events[place:]


def test_a_stop_before_the_first_step_leaves_a_run_that_can_be_resumed_whole() -> None:
    blobs = MemoryBlobs()
    trainer = Trainer(spec(), blobs=blobs)
    trainer.stop("not now")

    events = list(trainer)

    assert [type(event) for event in events] == [
        RunStarted,
        Intervened,
        CheckpointSaved,
        RunStopped,
    ]
    resumed = list(Trainer(spec(), blobs=blobs, attempt=from_checkpoint(events[-1].checkpoint)))
    assert resumed[-1] == list(Trainer(spec()))[-1]


@pytest.mark.parametrize("last", [StepFinished, EpochFinished, CheckpointSaved])
def test_a_run_asked_to_stop_after_its_last_step_finishes(last: type[Event]) -> None:
    trainer = Trainer(spec())
    events = []

    for event in trainer:
        events.append(event)
        if isinstance(event, last) and event.step == STEPS:
            trainer.stop("too late")

    assert events == list(Trainer(spec()))


def test_a_checkpoint_of_another_spec_is_refused_with_what_differs() -> None:
    blobs = MemoryBlobs()
    *_, (_, end) = stopped_after(4, blobs)
    other = spec(seed=1, **{"optim.lr": 0.5})

    with pytest.raises(RefusedError, match=r"config\.optim\.lr is 0\.05 there and 0\.5 here") as e:
        next(iter(Trainer(other, blobs=blobs, attempt=from_checkpoint(end.checkpoint))))

    assert "seed is 0 there and 1 here" in str(e.value)
    assert "config.optim.name" not in str(e.value)


def test_weights_are_refused_as_a_checkpoint() -> None:
    blobs = MemoryBlobs()
    finished = list(Trainer(spec(), blobs=blobs))[-1]

    with pytest.raises(RefusedError, match="is not a checkpoint"):
        next(iter(Trainer(spec(), blobs=blobs, attempt=from_checkpoint(finished.weights))))


def test_a_run_whose_only_checkpoint_is_not_there_begins_anew_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events = events_of(Trainer(spec(), attempt=from_checkpoint("0" * 64)))

    assert events == events_of(Trainer(spec()))
    assert "no blob" in caplog.text


def test_a_nan_loss_fails_the_run_with_the_step_and_the_op() -> None:
    events = failed(Trainer(spec(**{"fault.kind": "nan-loss", "fault.step": 3})), NonFiniteError)

    assert isinstance(events[-2], StepFinished)

    assert events[-2].step == 2
    assert isinstance(events[-1], RunFailed)
    assert (events[-1].step, events[-1].kind) == (2, "NonFiniteError")
    assert events[-1].error.startswith("step 3: loss nan; Watched: div made")


def test_whatever_a_plugin_raises_is_told_and_then_raised() -> None:
    trainer = Trainer(spec(**{"fault.kind": "build"}))

    events = failed(trainer, ValueError)

    assert events == [RunFailed(step=0, kind="ValueError", error="a bug in the plugin")]
    assert trainer.seq == 1


def test_a_test_metric_that_is_not_finite_fails_the_run_and_keeps_no_weights() -> None:
    blobs = MemoryBlobs()
    before = sum(
        isinstance(event, CheckpointSaved) for event in Trainer(spec(), blobs=MemoryBlobs())
    )

    events = failed(Trainer(spec(**{"fault.kind": "nan-test"}), blobs=blobs), NonFiniteError)

    assert isinstance(events[-1], RunFailed)

    assert "test: the metric 'loss'" in events[-1].error
    assert len(blobs._blobs) == before


@pytest.mark.parametrize(
    ("monitor", "mode", "pick"), [("loss", "min", min), ("within", "max", max)]
)
def test_the_best_epoch_is_the_first_with_the_best_monitored_value(
    monitor: str, mode: str, pick: Any
) -> None:
    config = {"monitor": monitor, "optim.lr": 0.12, "training.epochs": 12}

    events = list(Trainer(spec(seed=3, **config)))

    epochs = [event for event in events if isinstance(event, EpochFinished)]
    best = pick(epochs, key=lambda event: event.validation[monitor])
    assert isinstance(events[-1], RunFinished)
    assert (events[-1].best_epoch, events[-1].validation) == (best.epoch, best.validation)
    assert best.epoch < 12, "the last epoch is best: this test shows nothing"
    assert [event.epoch for event in epochs if event.is_best][-1] == best.epoch


def test_the_model_of_a_result_has_the_weights_of_its_best_epoch() -> None:
    config = {"optim.lr": 0.12, "training.epochs": 12}
    blobs = MemoryBlobs()
    finished = list(Trainer(spec(seed=3, **config), blobs=blobs))[-1]

    result = Trainer(spec(seed=3, **config)).run()

    from azuraforge.store.tensors import decode

    weights, _ = decode(blobs.get(finished.weights))
    assert result.best_epoch < 12
    for path, array in result.model.state_dict().items():
        np.testing.assert_array_equal(array, weights[path])


def test_a_result_holds_what_the_events_told() -> None:
    told: list[Event] = []

    result = Trainer(spec()).run(told.append)

    assert result.state == "finished"
    assert result.test == told[-1].test
    assert result.validation == told[-1].validation
    assert result.epochs == [event for event in told if isinstance(event, EpochFinished)]


def test_a_stopped_run_results_in_its_best_model_so_far_and_no_test() -> None:
    trainer = Trainer(spec())

    result = trainer.run(lambda event: trainer.stop("x") if event == told_at(5, event) else None)

    assert (result.state, result.best_epoch, result.test) == ("stopped", 1, {})
    first = Trainer(spec(**{"training.epochs": 1})).run()
    for path, array in result.model.state_dict().items():
        np.testing.assert_array_equal(array, first.model.state_dict()[path])


def told_at(step: int, event: Event) -> Event | None:
    return event if getattr(event, "step", 0) == step else None


def test_a_run_in_process_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AZURAFORGE_HOME", str(tmp_path / "home"))

    Trainer(spec()).run()

    assert list(tmp_path.iterdir()) == []


def test_telemetry_counts_rows_and_time_since_the_first_step(clock: Clock) -> None:
    trainer = Trainer(spec(), clock=clock)
    steps = (event for event in trainer if isinstance(event, StepFinished))

    for _ in range(3):  # batches of 8, 8 and 4 rows
        next(steps)
        clock.advance(2.0)

    assert trainer.telemetry is not None
    assert (trainer.telemetry.step, trainer.telemetry.elapsed_s) == (3, 6.0)
    assert trainer.telemetry.samples_per_s == pytest.approx((8 + 8 + 4) / 6.0)
    assert trainer.telemetry.eta_s == pytest.approx(6 * 6.0 / 3)


def test_there_is_no_telemetry_before_the_first_step() -> None:
    trainer = Trainer(spec())

    next(iter(trainer))

    assert trainer.telemetry is None


def test_a_run_says_that_its_steps_are_replayed(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "azuraforge")
    monkeypatch.setattr("azuraforge_tiny.Watched.forward", lambda model, x: model.line(x))
    trainer = Trainer(spec())

    trainer.run()

    assert trainer.telemetry is not None
    assert trainer.telemetry.note == "steps are replayed from a recording"
    assert caplog.messages == ["step 4: steps are replayed from a recording"]


def test_a_run_says_why_its_steps_are_not_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    def looks(prediction: Tensor, target: Any) -> Tensor:
        loss = nn.functional.mse_loss(prediction, target)
        return loss * 2 if loss.item() < 0 else loss

    monkeypatch.setattr("azuraforge_tiny.mse_loss", looks)
    trainer = Trainer(spec())

    with pytest.warns(UserWarning, match="stays eager"):
        trainer.run()

    assert trainer.telemetry is not None
    assert trainer.telemetry.note.startswith("steps are eager, not replayed: ")


def test_a_run_whose_steps_are_all_different_says_so() -> None:
    trainer = Trainer(spec())  # its model counts its steps, which a recording would not do

    trainer.run()

    assert trainer.telemetry is not None
    assert trainer.telemetry.note.endswith("values they use, always change")


def test_a_first_step_that_takes_long_says_that_kernels_are_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = Trainer(spec())
    next(iter(trainer))

    monkeypatch.setattr(compiling, "now", lambda: "lstm._forward")

    assert trainer.telemetry is not None
    assert trainer.telemetry.note.startswith("compiling kernels")
    assert trainer.telemetry.samples_per_s == 0


def test_telemetry_of_a_resumed_run_counts_its_own_steps_alone(clock: Clock) -> None:
    blobs = MemoryBlobs()
    *_, (_, end) = stopped_after(4, blobs)
    trainer = Trainer(spec(), blobs=blobs, attempt=from_checkpoint(end.checkpoint), clock=clock)
    steps = (event for event in trainer if isinstance(event, StepFinished))

    next(steps)
    clock.advance(4.0)

    assert trainer.telemetry is not None
    assert trainer.telemetry.samples_per_s == pytest.approx(8 / 4.0)
    assert trainer.telemetry.eta_s == pytest.approx(4 * 4.0)


def test_the_spec_names_the_model() -> None:
    named = msgspec.structs.replace(spec(), model="other")

    started = next(iter(Trainer(named)))

    assert isinstance(started, RunStarted)

    assert started.model == "other"


def test_a_device_that_is_not_there_is_refused_before_anything_starts() -> None:
    from azuraforge.engine.device import array_module

    try:
        array_module("cuda")
    except DeviceError:
        with pytest.raises(DeviceError, match="cuda"):
            Trainer(msgspec.structs.replace(spec(), device="cuda"))
    else:
        pytest.skip("there is a GPU here")


def test_a_config_that_cannot_be_used_is_refused_before_anything_starts() -> None:
    with pytest.raises(ConfigError, match=r"optim\.lr: got -1"):
        Trainer(spec(**{"optim.lr": -1}))
