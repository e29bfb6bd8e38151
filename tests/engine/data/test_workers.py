"""Worker processes: the same batches as without, errors with their traceback, nothing left."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from azuraforge.data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset
from azuraforge.engine import Tensor
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError, RunError

SETS = Path(__file__).parent / "sets"


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SETS))
    import azuraforge_test_sets

    return azuraforge_test_sets


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No process, no file and no descriptor is left of the workers of a test."""
    shared, descriptors = set(os.listdir("/dev/shm")), open_files()
    yield
    gc.collect()
    assert multiprocessing.active_children() == []
    assert set(os.listdir("/dev/shm")) <= shared
    assert open_files() <= descriptors + 2  # the tracker that spawning starts, once


def plain(batch: Any) -> Any:
    """The batch as values that can be compared."""
    if isinstance(batch, Tensor | np.ndarray):
        array = batch.numpy() if isinstance(batch, Tensor) else batch
        return (type(batch).__name__, str(array.dtype), array.shape, array.tobytes())
    if isinstance(batch, dict):
        return {key: plain(value) for key, value in batch.items()}
    return [plain(part) for part in batch] if isinstance(batch, list | tuple) else batch


def epochs(loader: DataLoader, count: int = 2) -> list[Any]:
    return [[plain(batch) for batch in loader] for _ in range(count)]


@pytest.mark.parametrize("kind", ["map", "stream", "arrays", "tensors", "parts"])
def test_batches_are_the_same_bit_for_bit_with_any_number_of_workers(sets: Any, kind: str) -> None:
    x = np.arange(60, dtype=np.float32).reshape(20, 3)
    arrays = TensorDataset(x, np.arange(20))
    dataset: Any = {
        "map": sets.Noisy(20),
        "stream": sets.Stream(20),
        "arrays": arrays,
        "tensors": TensorDataset(Tensor(x), Tensor(np.arange(20))),
        "parts": ConcatDataset([Subset(arrays, range(5, 9)), Subset(arrays, [3, 1, 2])]),
    }[kind]

    def loader(workers: int) -> DataLoader:
        shuffle = kind != "stream"
        return DataLoader(
            dataset, 3, shuffle=shuffle, num_workers=workers, generator=Generator(5),
            persistent_workers=workers != 2,
        )  # fmt: skip

    expected = epochs(loader(0))
    for workers in (1, 2, 3) if kind in ("map", "stream") else (2,):
        assert epochs(loader(workers)) == expected
    assert expected[0] != expected[1]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["Noisy", "Stream"])
def test_a_resumed_epoch_goes_on_as_the_uninterrupted_one(
    sets: Any, kind: str, workers: int
) -> None:
    def loader(seed: int) -> DataLoader:
        shuffle = kind == "Noisy"
        return DataLoader(
            getattr(sets, kind)(20), 3, shuffle=shuffle, num_workers=workers,
            generator=Generator(seed),
        )  # fmt: skip

    whole = epochs(loader(1), 3)
    interrupted = loader(1)
    seen = [plain(batch) for batch in interrupted]
    batches = iter(interrupted)
    seen += [plain(next(batches)) for _ in range(4)]
    state = interrupted.state_dict()
    del batches
    resumed = loader(9)
    resumed.load_state_dict(state)

    rest = [batch for epoch in epochs(resumed, 2) for batch in epoch]

    assert seen + rest == [batch for epoch in whole for batch in epoch]


def test_samples_of_any_size_arrive_as_they_are(sets: Any) -> None:
    made = list(DataLoader(sets.Big(), 1, num_workers=2, collate_fn=sets.as_list))

    for index, (sample,) in enumerate(made):
        np.testing.assert_array_equal(sample, sets.Big()[index])
        assert sample.flags.writeable


def test_a_batch_stays_as_it_is_while_others_come(sets: Any) -> None:
    x = np.arange(40.0).reshape(20, 2)

    kept = [batch for (batch,) in DataLoader(TensorDataset(x), 2, num_workers=1)]

    np.testing.assert_array_equal(np.concatenate(kept), x)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_arrives_as_it_was_raised(sets: Any, workers: int) -> None:
    loader = DataLoader(sets.Broken(7, "plain"), 2, num_workers=workers)
    seen = []

    with pytest.raises(ValueError, match="a broken sample") as raised:
        seen.extend(iter(loader))

    notes = "".join(getattr(raised.value, "__notes__", []))
    assert workers == 0 or ("in explode" in notes and "in DataLoader worker 1" in notes)


def test_an_error_that_cannot_be_made_again_arrives_by_its_name(sets: Any) -> None:
    loader = DataLoader(sets.Broken(1, "stubborn"), 2, num_workers=1)

    with pytest.raises(RunError, match="StubbornError: one and two") as raised:
        list(loader)

    assert "in explode" in raised.value.__notes__[0]


def test_a_worker_that_dies_is_told_with_its_exit_code(sets: Any) -> None:
    with pytest.raises(RunError, match=r"worker 0 ended with exit code 3"):
        list(DataLoader(sets.Broken(5, "exit"), 2, num_workers=2))


def test_what_cannot_be_sent_to_a_worker_or_back_is_refused(sets: Any) -> None:
    with pytest.raises(ConfigError, match="define it at the top of a module"):
        list(DataLoader(sets.Noisy(3), collate_fn=lambda samples: samples, num_workers=1))
    with pytest.raises(Exception, match="lambda"):
        list(DataLoader(sets.Noisy(3), collate_fn=sets.unsendable, num_workers=1))


def test_a_dataset_that_a_worker_cannot_import_is_told(
    sets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(SETS)])

    with pytest.raises(ModuleNotFoundError, match="azuraforge_test_sets"):
        list(DataLoader(sets.Noisy(3), num_workers=1))


def test_workers_know_who_they_are_and_are_begun_with_their_function(
    sets: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AZURAFORGE_TEST_NOTES", str(tmp_path / "notes"))
    loader = DataLoader(
        sets.Process(), 1, num_workers=2, worker_init_fn=sets.note, persistent_workers=True
    )

    first = [(int(id.item()), int(pid.item())) for id, pid in loader]
    second = [(int(id.item()), int(pid.item())) for id, pid in loader]

    assert [id for id, _ in first] == [0, 1] * 4
    assert first == second
    assert len({pid for _, pid in first}) == 2
    assert os.getpid() not in {pid for _, pid in first}
    assert sorted((tmp_path / "notes").read_text().split()) == ["0", "1"]


def test_iterating_can_be_left_early_again_and_again(sets: Any) -> None:
    loader = DataLoader(sets.Noisy(50), 1, num_workers=2, persistent_workers=True)

    for _ in range(2):
        for _ in loader:
            break
        assert multiprocessing.active_children() == []


def test_a_script_that_ends_in_the_middle_leaves_nothing() -> None:
    script = """
import azuraforge_test_sets as sets
from azuraforge.data import DataLoader

if __name__ == "__main__":
    batches = iter(DataLoader(sets.Noisy(50), 1, num_workers=2, persistent_workers=True))
    next(batches)
    print("one")
"""
    path = os.pathsep.join([str(SETS), *sys.path])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n", "")


def test_the_arrays_of_a_dataset_lie_in_memory_that_workers_share(sets: Any) -> None:
    loader = DataLoader(sets.Located(np.zeros((100, 100))), 1, num_workers=1)

    assert [bool(is_mapped.item()) for is_mapped in loader] == [True, True]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_dataset_needs_an_item_method() -> None:
    with pytest.raises(NotImplementedError, match="has no __getitem__"):
        Dataset()[0]
