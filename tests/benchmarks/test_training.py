"""Every case once, as small as can be; no time is asserted."""

from __future__ import annotations

import json

import numpy as np
import pytest

import azuraforge
from azuraforge.errors import ConfigError
from benchmarks import library, training
from benchmarks.agreement import DifferError, largest_loss_difference
from benchmarks.measure import Pair, Spread
from benchmarks.result import MODES, Measured, Unmeasured
from benchmarks.suite import ROWS, SMALLEST
from benchmarks.training import Effort, ThreadsError, check_threads, chosen, results
from benchmarks.workload import Side

torch = pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")

ONCE = Effort(budget_s=0.0, patience_s=0.0, least_blocks=2, steps=3, block_s=0.0)


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    azuraforge.engine.set_threads(before)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("workload", SMALLEST, ids=lambda workload: workload.name)
def test_a_case_gives_a_row_or_says_why_not(workload, mode, monkeypatch):
    monkeypatch.setattr(training, "SPARE_CORES", 99.0)  # blocks this short do not tell cores

    (row,) = results([workload], [1], [mode], ONCE)

    assert (row.workload, row.threads, row.mode) == (workload.name, 1, mode)
    if isinstance(row, Unmeasured):
        assert not row.is_wrong, row.why
    else:
        assert row.difference <= workload.tolerance
        assert row.ratio > 0


def test_every_row_has_a_family_among_the_smallest():
    families = {workload.name.split("-")[0] for workload in SMALLEST}

    assert families == {workload.name.split("-")[0] for workload in ROWS}
    assert len({workload.name for workload in ROWS}) == len(ROWS) == 11


def sides():
    theirs = Side(library.peer(), SMALLEST[0])
    mine = Side(library.ours(), SMALLEST[0], library.numpy_state(theirs.model))
    return mine, theirs


def test_both_sides_start_with_the_same_weights_and_batches():
    mine, theirs = sides()

    expected = theirs.model.state_dict()
    assert mine.model.state_dict().keys() == expected.keys()
    for key, array in mine.model.state_dict().items():
        np.testing.assert_array_equal(array, expected[key].numpy())
    for own, other in zip(mine.batches, theirs.batches, strict=True):
        np.testing.assert_array_equal(own[0].data, other[0].numpy())
        np.testing.assert_array_equal(own[1].data, other[1].numpy())


def in_float64(side):
    """The side with weights, batches and the optimizer's buffers in float64."""
    side.model.double()
    kind, options = side.workload.optimizer, side.library.optimizer_options
    side.optimizer = getattr(side.library.optim, kind)(side.model.parameters(), lr=1e-3, **options)
    side.batches = [
        tuple(side.library.tensor(a.astype("f8") if a.dtype == "f4" else a) for a in batch)
        for batch in side.workload.batches
    ]
    return side


@pytest.mark.parametrize("workload", SMALLEST, ids=lambda workload: workload.name)
def test_in_float64_the_losses_agree_but_for_rounding(workload):
    theirs = Side(library.peer(), workload)
    mine = Side(library.ours(), workload, library.numpy_state(theirs.model))

    largest_loss_difference(
        in_float64(mine).training(), in_float64(theirs).training(), tolerance=1e-10
    )


def test_a_step_that_does_not_update_is_found():
    mine, theirs = sides()
    mine.optimizer.step = lambda: None

    with pytest.raises(DifferError, match="step 2"):
        largest_loss_difference(mine.training(), theirs.training(), tolerance=1e-3)


def test_a_wrong_learning_rate_is_found():
    mine, theirs = sides()
    mine.optimizer.param_groups[0]["lr"] *= 1.5

    with pytest.raises(DifferError):
        largest_loss_difference(mine.training(), theirs.training(), tolerance=1e-3)


def test_one_other_weight_is_found():
    mine, theirs = sides()
    next(mine.model.parameters()).data[0, 0] += 0.5

    with pytest.raises(DifferError, match="step 1"):
        largest_loss_difference(mine.training(), theirs.training(), tolerance=1e-3)


def test_a_row_that_needs_what_is_not_there_yet_says_what(monkeypatch):
    monkeypatch.delattr(azuraforge.nn, "ReLU")

    (row,) = results(SMALLEST[:1], [1], ["eager"], ONCE)

    assert isinstance(row, Unmeasured)
    assert row.why == "no nn.ReLU yet"


def test_a_mistake_inside_a_model_is_not_taken_for_something_absent(monkeypatch):
    monkeypatch.setattr(azuraforge.nn.ReLU, "forward", lambda self, x: x.no_such_method())

    with pytest.raises(AttributeError, match="no_such_method"):
        list(results(SMALLEST[:1], [1], ["eager"], ONCE))


def test_losses_that_differ_leave_a_row_that_says_so_and_are_not_timed(monkeypatch, capsys):
    monkeypatch.setattr(azuraforge.optim.Adam, "step", lambda self: None)
    monkeypatch.setattr(training, "measure_pair", None)
    monkeypatch.setattr(training, "ROWS", SMALLEST[:1])

    status = training.main(["--quick", "--threads", "1", "--modes", "eager"])

    assert status == 1
    assert "DifferError: step 2 of 2: loss" in capsys.readouterr().out


def test_replay_times_the_captured_step_beside_an_eager_peer(monkeypatch):
    captured = []

    def capture(step):
        captured.append(step)
        return step

    monkeypatch.setattr(azuraforge, "capture", capture, raising=False)

    (row,) = results(SMALLEST[:1], [1], ["replay"], ONCE)

    assert isinstance(row, Measured)
    assert row.goal == SMALLEST[0].goal
    assert [step.__self__.library.name for step in captured] == [library.ours().name]


def test_more_cores_than_threads_are_refused():
    once = Spread(1.0, 1.0, 1.0)
    pair = Pair(
        ours_s=once,
        peer_s=once,
        ratio=once,
        cpu_ratio=once,
        ours_cores=1.1,
        peer_cores=1.9,
        waited=0.0,
        is_disturbed=False,
        blocks=2,
        tried=2,
    )

    check_threads(2, (2, 2), pair)
    with pytest.raises(ThreadsError, match=r"the peer .* kept 1\.90 cores busy; allowed: 1"):
        check_threads(1, (1, 1), pair)
    with pytest.raises(ThreadsError, match=r"azuraforge was to use 1 threads .*; allowed: 2"):
        check_threads(2, (1, 2), pair)


def test_a_row_whose_first_step_changes_the_threads_is_refused(monkeypatch):
    first_step = azuraforge.nn.ReLU.forward

    def changes_threads(self, x):
        if torch.get_num_threads() == 1 and not changed:
            torch.set_num_threads(2)
            changed.append(True)
        return first_step(self, x)

    changed = []
    monkeypatch.setattr(azuraforge.nn.ReLU, "forward", changes_threads)

    (row,) = results(SMALLEST[:1], [1], ["eager"], ONCE)

    assert changed
    assert isinstance(row, Unmeasured)
    assert "the peer was to use 2 threads" in row.why


def test_rows_are_chosen_by_name_or_by_how_it_begins():
    assert [row.name for row in chosen(["lstm-64", "gru"])] == ["lstm-64", "gru-128"]
    assert len(chosen(["lstm"])) == 4
    assert chosen([]) == list(ROWS)


def test_an_unknown_row_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigError, match=r"no row 'lst'; allowed: mlp-64-64-10, .*lstm-50"):
        chosen(["lst"])


def test_json_is_an_object_per_row_with_the_promised_keys(monkeypatch, capsys):
    monkeypatch.setattr(training, "ROWS", SMALLEST[:1])
    monkeypatch.setattr(training, "QUICK", ONCE)

    training.main(["--json", "--quick", "--threads", "1", "2", "--modes", "eager"])

    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["threads"] for row in rows] == [1, 2]
    promised = {"workload", "threads", "mode", "ours_ms", "peer", "peer_ms", "ratio", "quartiles"}
    assert all(promised <= row.keys() for row in rows)


def test_rows_come_thread_count_by_thread_count():
    rows = list(results(SMALLEST[:1], [1, 2], ["eager", "inference"], ONCE))

    assert [(row.threads, row.mode) for row in rows] == [
        (1, "eager"),
        (1, "inference"),
        (2, "eager"),
        (2, "inference"),
    ]
    assert all(isinstance(row, Measured) for row in rows)


def test_without_pytorch_the_error_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(library, "find_spec", lambda name: None)

    with pytest.raises(SystemExit) as ended:
        training.main(["--quick"])

    assert ended.value.code == 2
    assert "`make peers`" in capsys.readouterr().err
