"""The table, of rows we make up."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks import compare, training
from benchmarks.machine import Machine
from benchmarks.result import Measured, Quartiles, Results, Unmeasured

MACHINE = Machine(
    cpu="Some CPU",
    cores=2,
    flags=["avx2"],
    system="Linux x86_64",
    load=(0.1, 1.9),
    python="3.13.0",
    packages={"torch": "2.13.0"},
    commit="0123456789",
    date="2026-01-02",
)


def measured(workload="mlp", ratio=2.0, **changes):
    row = Measured(
        workload=workload,
        threads=1,
        mode="replay",
        ours_ms=1.5,
        peer="torch",
        peer_ms=1.5 * ratio,
        ratio=ratio,
        cpu_ratio=ratio,
        quartiles=Quartiles(ours_ms=(1.4, 1.6), peer_ms=(2.9, 3.1), ratio=(1.9, 2.1)),
        goal=1.5,
        difference=1e-7,
        cores=(1.0, 1.0),
        waited=0.01,
        is_disturbed=False,
        blocks=9,
        tried=12,
    )
    return msgspec.structs.replace(row, **changes)


ABSENT = Unmeasured(workload="gru", threads=1, mode="replay", peer="torch", why="no nn.GRU yet")


def lines(rows):
    return compare.table(rows).splitlines()


def test_a_row_shows_both_times_the_ratio_its_quartiles_and_the_goal():
    row = lines([measured()])[2]

    assert row.split() == "mlp 1.5 3 2.00 1.90 to 2.10 2.00 1.50".split()


def test_a_row_under_its_goal_says_so():
    assert lines([measured(ratio=1.4)])[2].endswith("below")


def test_a_disturbed_row_says_what_disturbed_it_and_claims_nothing():
    found = lines([measured(ratio=9.0, waited=0.4, is_disturbed=True)])

    assert found[2].endswith("disturbed: waited 40%")
    assert found[3] == "geometric mean: none, every row was disturbed"


def test_a_disturbed_row_stays_out_of_the_mean_but_for_that_by_cpu():
    rows = [measured("a", ratio=2.0), measured("b", ratio=8.0, is_disturbed=True, waited=0.4)]

    assert lines(rows)[-3:] == [
        "geometric mean 2.00 of 1 of 2 rows",
        "slowest row a: 2.00",
        "geometric mean by CPU 4.00 of 2 rows",
    ]


def test_at_two_threads_nothing_is_told_by_cpu():
    found = lines([measured(threads=2)])

    assert found[2].split() == "mlp 1.5 3 2.00 1.90 to 2.10 – 1.50".split()
    assert not any("by CPU" in line for line in found[3:])


def test_a_row_that_cannot_be_measured_stands_in_the_table_with_the_reason():
    found = lines([measured(), ABSENT])

    assert found[3].startswith("gru ")
    assert found[3].endswith("no nn.GRU yet")


def test_the_geometric_mean_and_the_slowest_row_follow_the_rows():
    found = lines([measured("a", ratio=8.0), measured("b", ratio=0.5), ABSENT])

    assert found[-3:-1] == ["geometric mean 2.00 of 2 of 3 rows", "slowest row b: 0.50"]


def test_modes_thread_counts_and_peers_have_a_table_each():
    text = compare.table([measured(), measured(threads=2), measured(peer="torch compiled")])

    titles = [block.splitlines()[0] for block in text.split("\n\n")]
    assert titles == [
        "replay, 1 thread, beside torch",
        "replay, 2 threads, beside torch",
        "replay, 1 thread, beside torch compiled",
    ]


def test_two_files_show_what_each_row_was_multiplied_by():
    before = [measured("a", ratio=1.0), measured("b", ratio=2.0), measured("gone")]
    after = [measured("a", ratio=4.0), measured("b", ratio=2.0), measured("new")]

    found = compare.changes(before, after).splitlines()

    assert [line.split() for line in found[2:]] == [
        ["a", "1.00", "4.00", "4.00x"],
        ["b", "2.00", "2.00", "1.00x"],
        ["geometric", "mean", "1.41", "2.83", "2.00x"],
    ]


def test_a_file_comes_back_as_it_was_written(tmp_path):
    results = Results(machine=MACHINE, rows=[measured(), ABSENT])

    results.write(tmp_path / "results.json")

    assert Results.read(tmp_path / "results.json") == results
    assert len((tmp_path / "results.json").read_text().splitlines()) == 5


def test_a_file_is_shown_with_its_machine_and_commit(tmp_path, capsys):
    path = tmp_path / "results.json"
    Results(machine=MACHINE, rows=[measured()]).write(path)

    assert compare.main([str(path)]) == 0

    shown = capsys.readouterr().out
    assert "Some CPU, 2 cores (avx2), Linux x86_64, load 0.1 before and 1.9 after" in shown
    assert "commit 0123456789, 2026-01-02, Python 3.13.0, torch 2.13.0" in shown
    assert "slowest row mlp: 2.00" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.json"], "gone.json"),
        (["bad.json"], "bad.json: no file of results"),
        (["a", "b", "c"], "one file, or two"),
        (["a", "--save", "b"], "one file, or two"),
        (["--rows", "nothing"], "no row 'nothing'"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.json").write_text('{"rows": 3}')

    with pytest.raises(SystemExit) as ended:
        compare.main(arguments)

    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_rows_before_one_that_breaks_are_kept(tmp_path, monkeypatch):
    def results_of(options):
        yield measured("a")
        raise ZeroDivisionError

    monkeypatch.setattr(training, "results_of", results_of)

    with pytest.raises(ZeroDivisionError):
        compare.main(["--save", str(tmp_path / "results.json")])

    assert Results.read(tmp_path / "results.json").rows == [measured("a")]
