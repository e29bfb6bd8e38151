from __future__ import annotations

import inspect
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from azuraforge.actors.catalogue_handle import CatalogueHandle
from azuraforge.actors.handles import RegistryHandle
from azuraforge.actors.recording.registry import Registry, new_run_id
from azuraforge.errors import ConfigError, HomeError, NotFoundError, RefusedError
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Event,
    JournalEntry,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    StepFinished,
    Telemetry,
)
from azuraforge.schema.records import Ack
from azuraforge.schema.specs import RunSpec

SPEC = RunSpec(plugin="images", config={"training": {"epochs": 2}}, seed=7)
TELEMETRY = Telemetry(step=3, elapsed_s=1.5, samples_per_s=640.0, eta_s=60.0)

STOP = Request(number=1, command=Command(name="stop", reason="enough"))


@pytest.fixture
def registry(any_database, tmp_path, clock):
    ids = (f"run-{number}" for number in count(1))
    registry = Registry(tmp_path, clock=clock, new_id=lambda: next(ids))
    yield registry
    registry.close()


def started(*, model: str = "digits", monitor: str = "accuracy", mode: str = "max") -> RunStarted:
    return RunStarted(
        spec_hash="0" * 64,
        model=model,
        monitor=monitor,
        mode=mode,
        parameters=10,
        samples={"train": 80, "validation": 10, "test": 10},
        epochs=2,
        steps=20,
        threads=1,
    )


def step(number: int, loss: float = 0.5) -> StepFinished:
    return StepFinished(step=number, epoch=1, loss=loss, lr=0.1, grad_norm=1.0)


def stop(reason: str) -> Command:
    return Command(name="stop", reason=reason)


def finished(**validation: float) -> RunFinished:
    return RunFinished(
        step=20, best_epoch=1, validation=validation, test={"accuracy": 0.5}, weights="ab" * 32
    )


def finish(registry: Registry, start: RunStarted, **validation: float) -> str:
    """The id of a run that ended with these validation metrics."""
    run = registry.create_run(SPEC).id
    registry.append(run, 1, [start, finished(**validation)])
    return run


def arguments(owner: type, name: str) -> list[inspect.Parameter]:
    """The arguments as written: Ray adds one of its own to a class that became an actor."""
    parameters = inspect.signature(getattr(owner, name)).parameters.values()
    return [parameter for parameter in parameters if parameter.name != "_ray_trace_ctx"]


def test_it_has_the_methods_of_its_handle_with_the_same_arguments():
    declared = {**vars(CatalogueHandle), **vars(RegistryHandle)}
    names = {name for name in declared if not name.startswith("_")}
    names.remove("poll")  # the hub's

    for name in names:
        assert arguments(Registry, name) == arguments(RegistryHandle, name), name
    assert len(names) > 40


# ---------------------------------------------------------------------------------------- runs


def test_a_new_run_is_queued_and_read_back_by_any_registry_of_the_home(registry, tmp_path, clock):
    other = Registry(tmp_path)

    created = registry.create_run(SPEC)

    assert (created.state, created.spec, created.created_at) == ("queued", SPEC, clock())
    assert registry.run(created.id) == created
    assert other.run(created.id) == created
    other.close()


def test_ids_sort_as_they_were_made_and_are_short_plain_text():
    ids = [new_run_id() for _ in range(3000)]

    assert all(len(run) == 12 and run.isascii() and run.isalnum() for run in ids)
    assert [run[:8] for run in ids] == sorted(run[:8] for run in ids)
    assert len(set(ids)) > 2900  # at random within a millisecond


def test_an_id_that_is_taken_is_drawn_again(tmp_path):
    ids = iter(["a", "a", "b"])
    registry = Registry(tmp_path, new_id=lambda: next(ids))

    created = [registry.create_run(SPEC).id for _ in range(2)]

    assert created == ["a", "b"]
    registry.close()


def test_a_run_is_found_by_the_beginning_of_its_id_where_that_is_enough(tmp_path):
    ids = iter(["abc1", "abd2", "abd"])
    registry = Registry(tmp_path, new_id=lambda: next(ids))
    for _ in range(3):
        registry.create_run(SPEC)

    assert registry.run("abc").id == "abc1"
    assert registry.run("abd").id == "abd"  # a whole id beats the longer one it begins
    with pytest.raises(NotFoundError, match="'ab' begins the ids of several runs: abc1, abd, abd2"):
        registry.run("ab")
    registry.close()


@pytest.mark.parametrize("run", ["", "nothing", "%", "_un-1", "RUN-1", "run-1' OR 1=1", "run-1\0"])
def test_an_unknown_run_is_not_found_wherever_it_is_named(registry, run):
    registry.create_run(SPEC)

    for ask in (
        lambda: registry.run(run),
        lambda: registry.events(run),
        lambda: registry.append(run, 1, [started()]),
        lambda: registry.report(run, TELEMETRY),
        lambda: registry.command(run, stop("enough")),
        lambda: registry.runs(before=run),
    ):
        with pytest.raises(NotFoundError, match="no run"):
            ask()


def test_runs_come_newest_first_in_pages_even_if_the_clock_goes_back(registry, clock):
    for _ in range(5):
        registry.create_run(SPEC)
        clock.advance(-1)

    first = [record.id for record in registry.runs(limit=3)]
    rest = [record.id for record in registry.runs(limit=3, before=first[-1])]

    assert first == ["run-5", "run-4", "run-3"]
    assert rest == ["run-2", "run-1"]
    assert registry.runs(before="run-1") == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (RunSpec(plugin="p", config={"optim": {"lr": float("nan")}}), r"config\.optim\.lr is nan"),
        (RunSpec(plugin="p", config={"a": [1, float("-inf")]}), r"config\.a\.1 is -inf"),
        (RunSpec(plugin="p", config={"a": object()}), "type object is unsupported"),
        (RunSpec(plugin="p", seed=-1), r">= 0 - at `\$\.seed`"),
        (RunSpec(plugin="p", model="../m"), r"at `\$\.model"),
    ],
)
def test_a_spec_that_could_not_be_read_back_is_refused(registry, spec, told):
    with pytest.raises(ConfigError, match=told):
        registry.create_run(spec)

    assert registry.runs() == []


# ------------------------------------------------------------------------------------- journal


def test_events_come_back_as_they_were_appended(registry):
    run = registry.create_run(SPEC).id
    events: list[Event] = [
        started(),
        step(1, loss=0.1 + 0.2),
        EpochFinished(epoch=1, step=1, train={}, validation={"accuracy": 0.9}, is_best=True),
        CheckpointSaved(step=1, epoch=1, sha256="cd" * 32),
        RunStopped(step=1, reason="„genug“\n"),
    ]

    ack = registry.append(run, 1, events)

    assert ack == Ack(durable_seq=5)
    assert [(entry.seq, entry.event) for entry in registry.events(run)] == list(
        enumerate(events, 1)
    )
    assert [entry.seq for entry in registry.events(run, after=2, limit=2)] == [3, 4]
    assert registry.events(run, after=5) == []


def test_the_record_follows_the_journal(registry, clock):
    run = registry.create_run(SPEC).id
    clock.advance(10)
    registry.append(run, 1, [started(), step(1), step(2)])

    record = registry.run(run)

    assert (record.state, record.started_at, record.created_at) == (
        "running",
        clock(),
        clock() - 10,
    )
    assert (record.step, record.steps, record.last_seq) == (2, 20, 3)


def test_events_sent_again_are_dropped_and_the_new_ones_among_them_kept(registry):
    run = registry.create_run(SPEC).id
    registry.append(run, 1, [started(), step(1), step(2)])

    again = registry.append(run, 2, [step(1), step(2)])
    overlapping = registry.append(run, 3, [step(2), step(3)])

    assert again == Ack(durable_seq=3)
    assert overlapping == Ack(durable_seq=4)
    assert [entry.event for entry in registry.events(run, 1)] == [step(1), step(2), step(3)]


@settings(max_examples=25)
@given(cuts=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=8))
def test_however_portions_overlap_the_journal_is_the_same(tmp_path_factory, cuts):
    registry = Registry(tmp_path_factory.getbasetemp())
    run = registry.create_run(SPEC).id
    events: list[Event] = [started(), *map(step, range(1, 10)), finished(accuracy=0.9)]
    durable = 0

    for a, b in [*cuts, (0, 11)]:
        first, last = sorted((min(a, durable), b))
        durable = max(durable, registry.append(run, first + 1, events[first:last]).durable_seq)

    assert durable == 11
    assert [entry.event for entry in registry.events(run)] == events
    assert [model.run for model in registry.models()].count(run) == 1
    registry.close()


def test_no_events_are_a_question_for_the_state_of_things(registry):
    run = registry.create_run(SPEC).id
    registry.append(run, 1, [started()])

    registry.command(run, stop("enough"))

    assert registry.append(run, 2, []) == Ack(durable_seq=1, requests=[STOP])


@pytest.mark.parametrize(("first_seq", "told"), [(3, "the next is 2"), (0, "count from 1")])
def test_a_gap_is_refused(registry, first_seq, told):
    run = registry.create_run(SPEC).id
    registry.append(run, 1, [started()])

    with pytest.raises(RefusedError, match=told):
        registry.append(run, first_seq, [step(1)])

    assert registry.run(run).last_seq == 1


def test_a_past_that_does_not_repeat_itself_is_refused_by_its_number(registry):
    run = registry.create_run(SPEC).id
    registry.append(run, 1, [started(), step(1), step(2)])

    with pytest.raises(RefusedError, match="event 3: sent again with other content"):
        registry.append(run, 2, [step(1), step(2, loss=0.5000001), step(3)])

    assert registry.run(run).last_seq == 3


@pytest.mark.parametrize(
    "end",
    [
        finished(accuracy=0.9),
        RunFailed(step=1, kind="DataError", error="empty"),
        RunStopped(step=1, reason="enough"),
    ],
)
def test_nothing_follows_an_end_but_the_end_itself_may_be_told_again(registry, end):
    run = registry.create_run(SPEC).id
    registry.append(run, 1, [started(), end])

    assert registry.append(run, 1, [started(), end]) == Ack(durable_seq=2)
    with pytest.raises(RefusedError, match="has ended"):
        registry.append(run, 3, [step(1)])
    with pytest.raises(RefusedError, match="has ended"):
        registry.append(run, 2, [end, step(1)])
    assert registry.run(run).last_seq == 2


def test_a_portion_with_one_bad_event_is_refused_as_a_whole(registry):
    run = registry.create_run(SPEC).id

    with pytest.raises(RefusedError, match="has ended"):
        registry.append(run, 1, [started(), finished(accuracy=0.9), step(1)])

    assert registry.run(run).state == "queued"
    assert registry.events(run) == []
    assert registry.models() == []


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (step(1, loss=float("nan")), r"event 2: StepFinished\.loss is nan; only finite"),
        (finished(accuracy=float("inf")), r"event 2: RunFinished\.validation\.accuracy is inf"),
        (step(1, loss="small"), r"Expected `float`, got `str` - at `\$\.loss`"),
        (step(1, loss=object()), "type object is unsupported"),
    ],
)
def test_what_could_not_be_read_back_is_refused_with_its_place(registry, event, told):
    run = registry.create_run(SPEC).id

    with pytest.raises(RefusedError, match=told):
        registry.append(run, 1, [started(), event])

    assert registry.events(run) == []


def test_the_word_null_in_a_text_is_only_a_word(registry):
    run = registry.create_run(SPEC).id

    registry.append(run, 1, [RunFailed(step=0, kind="DataError", error="null in column 'close'")])

    assert registry.run(run).error == "DataError: null in column 'close'"


# --------------------------------------------------------------------------- telemetry and stop


def test_telemetry_is_seen_by_every_registry_and_outlives_events(registry, tmp_path):
    run = registry.create_run(SPEC).id
    other = Registry(tmp_path)

    registry.report(run, TELEMETRY)
    registry.append(run, 1, [started()])

    assert other.run(run).telemetry == TELEMETRY
    assert other.runs()[0].telemetry == TELEMETRY
    assert len(other.events(run)) == 1
    other.close()


def test_telemetry_that_could_not_be_read_back_is_refused(registry):
    run = registry.create_run(SPEC).id
    endless = Telemetry(step=1, elapsed_s=0.0, samples_per_s=0.0, eta_s=float("inf"))

    with pytest.raises(RefusedError, match=r"Telemetry\.eta_s is inf"):
        registry.report(run, endless)

    assert registry.run(run).telemetry is None


def test_a_queued_run_that_is_stopped_ends_at_once(registry, clock):
    run = registry.create_run(SPEC).id

    stopped = registry.command(run, stop("changed my mind"))

    assert (stopped.state, stopped.ended_at, stopped.last_seq) == ("stopped", clock(), 1)
    assert registry.run(run) == stopped
    assert registry.events(run)[0].event == RunStopped(step=0, reason="changed my mind")
    with pytest.raises(RefusedError, match=r"has ended \(stopped\)"):
        registry.append(run, 1, [started()])


def test_a_running_run_learns_of_a_stop_with_its_next_events_and_the_first_reason_stays(registry):
    run = registry.create_run(SPEC).id
    before = registry.append(run, 1, [started()])

    record = registry.command(run, stop("enough"))
    registry.command(run, stop("really"))

    assert before.requests == []
    assert record.state == "running"
    assert registry.append(run, 2, [step(1)]) == Ack(durable_seq=2, requests=[STOP])


def test_a_run_that_has_ended_cannot_be_stopped(registry):
    run = finish(registry, started(), accuracy=0.9)

    with pytest.raises(RefusedError, match=rf"run {run} has ended \(finished\)"):
        registry.command(run, stop("late"))


# -------------------------------------------------------------------------------------- models


def test_a_finished_run_registers_its_model_with_all_it_takes_to_restore_it(registry, clock):
    run = finish(registry, started(), accuracy=0.9, loss=0.3)

    model = registry.model("digits")

    assert (model.name, model.version, model.run) == ("digits", 1, run)
    assert (model.plugin, model.config, model.weights) == ("images", SPEC.config, "ab" * 32)
    assert (model.monitor, model.mode) == ("accuracy", "max")
    assert model.validation == {"accuracy": 0.9, "loss": 0.3}
    assert (model.test, model.created_at) == ({"accuracy": 0.5}, clock())
    assert model.aliases == ["champion"]
    record = registry.run(run)
    assert (record.model, record.model_version) == ("digits", 1)


def test_an_end_told_twice_registers_one_version(registry):
    run = registry.create_run(SPEC).id
    registry.append(run, 1, [started()])

    registry.append(run, 2, [finished(accuracy=0.9)])
    registry.append(run, 2, [finished(accuracy=0.9)])

    assert len(registry.models()) == 1


@pytest.mark.parametrize(
    ("mode", "values", "champion"),
    [
        ("max", [0.5, 0.9, 0.7], 2),
        ("max", [0.5, 0.5], 1),  # not better, so the one that people know stays
        ("min", [0.5, 0.9, 0.3], 3),
        ("min", [0.5, 0.5], 1),
    ],
)
def test_the_champion_is_the_version_with_the_best_monitored_metric(
    registry, mode, values, champion
):
    for value in values:
        finish(registry, started(mode=mode), accuracy=value)

    assert registry.model("digits").version == champion
    assert [model.version for model in registry.models() if model.aliases] == [champion]


@pytest.mark.parametrize("other", [{"monitor": "f1"}, {"mode": "min"}])
def test_a_champion_by_another_yardstick_stays(registry, other):
    finish(registry, started(), accuracy=0.5, f1=0.5)

    finish(registry, started(**other), accuracy=0.1, f1=0.9)

    assert registry.model("digits").version == 1
    assert registry.model("digits", "2").aliases == []


def test_models_are_listed_by_name_and_newest_first(registry):
    for name in ("words", "digits", "words"):
        finish(registry, started(model=name), accuracy=0.5)

    listed = [(model.name, model.version, model.aliases) for model in registry.models()]

    assert listed == [("digits", 1, ["champion"]), ("words", 2, []), ("words", 1, ["champion"])]


def test_an_unknown_model_or_version_is_told_with_what_there_is(registry):
    finish(registry, started(), accuracy=0.5)

    with pytest.raises(NotFoundError, match="no model 'digit'; known: digits"):
        registry.model("digit")
    for version in ("2", "challenger", "", "9" * 40):
        with pytest.raises(NotFoundError, match=f"no version or alias '{version}'.* 1 .*champion"):
            registry.model("digits", version)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([finished(accuracy=0.5)], "event 1: finished but never started"),
        ([started(), finished(loss=0.5)], "event 2: .*lack the monitored 'accuracy'; given: loss"),
    ],
)
def test_an_end_that_no_model_can_be_registered_from_is_refused(registry, events, told):
    run = registry.create_run(SPEC).id

    with pytest.raises(RefusedError, match=told):
        registry.append(run, 1, events)

    assert registry.events(run) == []


# ----------------------------------------------------------------------- processes and faults

APPENDER = """
import sys
from pathlib import Path
from azuraforge.actors.recording.registry import Registry
from azuraforge.schema.events import StepFinished
registry = Registry(Path(sys.argv[1]))
run, seq, size = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for seq in range(seq, seq + size):
    event = StepFinished(step=seq - 1, epoch=1, loss=0.5, lr=0.1, grad_norm=1.0)
    print(registry.append(run, seq, [event]).durable_seq, flush=True)
registry.close()
"""


def appender(home: Path, run: str, first_seq: int, count: int) -> subprocess.Popen[str]:
    """A process that appends steps one by one and prints what was acknowledged."""
    command = [sys.executable, "-c", APPENDER, str(home), run, str(first_seq), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_that_append_at_once_both_have_all_they_were_acknowledged(registry, tmp_path):
    names = [registry.create_run(SPEC).id for _ in range(2)]
    for run in names:
        registry.append(run, 1, [started()])

    processes = [appender(tmp_path, run, 2, 100) for run in names]
    for process in processes:
        process.communicate(timeout=120)

    assert [process.returncode for process in processes] == [0, 0]
    for run in names:
        events = [entry.event for entry in registry.events(run)]
        assert events == [started(), *map(step, range(1, 101))]


def test_one_registry_serves_many_threads(registry):
    names = [registry.create_run(SPEC).id for _ in range(4)]

    def train(run: str) -> list[JournalEntry]:
        registry.append(run, 1, [started()])
        for number in range(1, 20):
            registry.append(run, number + 1, [step(number)])
            registry.report(run, TELEMETRY)
        return registry.events(run)

    with ThreadPoolExecutor(len(names)) as threads:
        journals = list(threads.map(train, names))

    for journal in journals:
        assert [entry.event for entry in journal] == [started(), *map(step, range(1, 20))]


def test_after_a_kill_every_acknowledged_event_is_there_once_and_the_run_goes_on(
    registry, tmp_path
):
    run = registry.create_run(SPEC).id
    registry.append(run, 1, [started()])
    killed = appender(tmp_path, run, 2, 1_000_000)

    for line in killed.stdout:
        acknowledged = int(line)
        if acknowledged == 100:
            killed.kill()  # in the middle of some later append
    killed.wait(timeout=60)
    killed.stdout.close()
    kept = [entry.event for entry in registry.events(run, limit=1_000_000)]
    appender(tmp_path, run, 2, len(kept)).communicate(timeout=120)

    assert kept == [started(), *map(step, range(1, len(kept)))]
    assert len(kept) - acknowledged in (0, 1)  # the answer to the last one may not have got out
    assert registry.run(run).last_seq == len(kept) + 1


def test_a_disk_that_takes_no_more_is_told_and_nothing_half_written_is_kept(tmp_path):
    registry = Registry(tmp_path)
    run = registry.create_run(SPEC).id
    registry.append(run, 1, [started()])
    program = """
import resource, sys
from pathlib import Path
from azuraforge.actors.recording.registry import Registry
from azuraforge.errors import HomeError
from azuraforge.schema.events import StepFinished
registry = Registry(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
seq = 2
try:
    while True:
        events = [
            StepFinished(step=seq - 1 + more, epoch=1, loss=0.5, lr=0.1, grad_norm=1.0)
            for more in range(100)
        ]
        seq = registry.append(sys.argv[2], seq, events).durable_seq + 1
except HomeError as error:
    print(seq - 1, error)
"""

    printed = subprocess.check_output([sys.executable, "-c", program, tmp_path, run], text=True)
    durable, told = printed.split(" ", 1)

    assert "the disk failed or has no room left" in told
    assert int(durable) > 1
    assert registry.run(run).last_seq == int(durable)
    assert len(registry.events(run, limit=100_000)) == int(durable)
    assert registry.append(run, int(durable) + 1, [step(int(durable))]).durable_seq > int(durable)
    registry.close()


def test_a_home_that_cannot_be_used_is_refused(tmp_path):
    with pytest.raises(HomeError, match="nowhere: No such file or directory"):
        Registry(tmp_path / "nowhere")


def test_the_order_in_which_metrics_are_told_is_no_part_of_the_journal(registry):
    one, other = (registry.create_run(SPEC).id for _ in range(2))
    metrics = {"loss": 0.5, "accuracy": 0.75}
    backwards = dict(reversed(metrics.items()))

    for run, told in ((one, metrics), (other, backwards)):
        epoch = EpochFinished(epoch=1, step=10, train=told, validation=told, is_best=True)
        registry.append(run, 1, [started(), epoch])

    assert registry.run(one).chain == registry.run(other).chain
