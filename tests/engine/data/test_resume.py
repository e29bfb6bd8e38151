"""A loader's state: what comes after it is what would have come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    TensorDataset,
    WeightedRandomSampler,
)
from azuraforge.engine.random import Generator, default_generator
from azuraforge.errors import ConfigError

ROWS = 13


class Noisy(Dataset[Any]):
    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> Any:
        return index, default_generator().normal(())


class Shuffling(IterableDataset[Any]):
    """A stream in an order of its own, drawn as it goes."""

    def __iter__(self) -> Iterator[Any]:
        rest = list(range(ROWS))
        while rest:
            yield rest.pop(int(default_generator().integers(0, len(rest), ())))


rows = TensorDataset(np.arange(ROWS))
LOADERS: dict[str, Callable[[int], DataLoader]] = {
    "in order": lambda seed: DataLoader(rows, 3, generator=Generator(seed)),
    "shuffled": lambda seed: DataLoader(rows, 3, shuffle=True, generator=Generator(seed)),
    "drop_last": lambda seed: DataLoader(
        rows, 3, shuffle=True, drop_last=True, generator=Generator(seed)
    ),
    "samples": lambda seed: DataLoader(Noisy(), 4, shuffle=True, generator=Generator(seed)),
    "one by one": lambda seed: DataLoader(Noisy(), None, generator=Generator(seed)),
    "stream": lambda seed: DataLoader(Shuffling(), 2, generator=Generator(seed)),
    "a list": lambda seed: DataLoader(rows, 2, sampler=[5, 1, 1, 7], generator=Generator(seed)),
    "random": lambda seed: DataLoader(
        rows, 3, sampler=RandomSampler(rows, generator=Generator(7)), generator=Generator(seed)
    ),
    "weighted": lambda seed: DataLoader(
        rows,
        3,
        sampler=WeightedRandomSampler(np.arange(ROWS), 10, generator=Generator(7)),
        generator=Generator(seed),
    ),
    "distributed": lambda seed: DataLoader(
        Noisy(), 3, sampler=DistributedSampler(rows, 2, 1), generator=Generator(seed)
    ),
    "batches": lambda seed: DataLoader(
        rows,
        batch_sampler=BatchSampler(RandomSampler(rows, generator=Generator(7)), 4, False),
        generator=Generator(seed),
    ),
}
each_loader = pytest.mark.parametrize("kind", LOADERS)


def plain(batch: Any) -> Any:
    if isinstance(batch, list | tuple):
        return [plain(part) for part in batch]
    return np.asarray(batch.numpy() if hasattr(batch, "numpy") else batch).tolist()


@each_loader
@given(epochs=st.integers(0, 2), steps=st.integers(0, 14))
def test_a_resumed_loader_goes_on_as_the_uninterrupted_one(
    kind: str, epochs: int, steps: int
) -> None:
    make = LOADERS[kind]
    uninterrupted = make(1)
    whole = [[plain(batch) for batch in uninterrupted] for _ in range(4)]
    steps = min(steps, len(whole[0]))
    interrupted = make(1)
    for _ in range(epochs):
        list(interrupted)
    batches = iter(interrupted)
    seen = [plain(next(batches)) for _ in range(steps)]
    state = json.loads(json.dumps(interrupted.state_dict()))

    resumed = make(99)
    resumed.load_state_dict(state)
    rest = [[plain(batch) for batch in resumed] for _ in range(4 - epochs)]

    assert [seen + rest[0], *rest[1:]] == whole[epochs:]


@each_loader
def test_a_loader_at_an_end_of_an_epoch_resumes_with_the_next(kind: str) -> None:
    uninterrupted, resumed = LOADERS[kind](1), LOADERS[kind](2)
    list(uninterrupted)
    resumed.load_state_dict(uninterrupted.state_dict())

    assert [plain(batch) for batch in resumed] == [plain(batch) for batch in uninterrupted]


@each_loader
def test_taking_and_loading_a_state_at_once_changes_nothing(kind: str) -> None:
    loader, other = LOADERS[kind](1), LOADERS[kind](1)
    next(iter(loader))
    next(iter(other))

    loader.load_state_dict(loader.state_dict())

    assert loader.state_dict() == other.state_dict()


def test_iterators_at_the_same_time_do_not_disturb_each_other() -> None:
    loader = LOADERS["samples"](1)

    both = list(zip(loader, loader, strict=True))

    expected = LOADERS["samples"](1)
    assert [plain(a) for a, _ in both] == [plain(batch) for batch in expected]
    assert [plain(b) for _, b in both] == [plain(batch) for batch in expected]


def test_what_samples_draw_is_new_in_every_batch_and_epoch() -> None:
    loader = LOADERS["samples"](1)

    noise = [batch[1].numpy()[0] for _ in range(3) for batch in loader]

    assert len(set(noise)) == 12


class Drawn(Sampler[int]):
    def __iter__(self) -> Iterator[int]:
        return iter([1, 2])


@pytest.mark.parametrize(
    "options",
    [{"sampler": Drawn()}, {"batch_sampler": BatchSampler(Drawn(), 2, False)}],
    ids=str,
)
def test_a_sampler_that_cannot_say_where_it_is_has_no_state(options: Any) -> None:
    loader = DataLoader(rows, **options)
    list(loader)

    with pytest.raises(ConfigError, match="Drawn has no state_dict"):
        loader.state_dict()


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        (rows, {"sampler": [1], "shuffle": True}, "shuffle with sampler"),
        (rows, {"batch_sampler": [[1]], "batch_size": 3}, "batch_size with batch_sampler"),
        (rows, {"batch_sampler": [[1]], "drop_last": True}, "drop_last with batch_sampler"),
        (rows, {"batch_size": None, "drop_last": True}, "drop_last with batch_size None"),
        (Shuffling(), {"shuffle": True}, "shuffle with an IterableDataset"),
        (Shuffling(), {"sampler": [1]}, "sampler with an IterableDataset"),
        (rows, {"num_workers": -1}, "num_workers -1"),
        (rows, {"prefetch_factor": 0}, "prefetch_factor 0"),
    ],
)
def test_arguments_that_say_two_things_are_refused(
    dataset: Any, options: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        DataLoader(dataset, **options)


def test_lengths_are_known_where_dataset_or_sampler_know_them() -> None:
    assert len(DataLoader(rows, 3)) == 5
    assert len(DataLoader(rows, None)) == ROWS
    assert len(DataLoader(rows, 3, sampler=SequentialSampler(range(4)))) == 2
    assert len(DataLoader(rows, batch_sampler=[[1], [2, 3]])) == 2
    with pytest.raises(TypeError, match="Shuffling"):
        len(DataLoader(Shuffling(), 3))
