"""DataLoader: a dataset in batches, in an order that is a function of seed and epoch alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, count, islice, repeat
from operator import itemgetter, length_hint
from typing import Any

import numpy as np

from azuraforge.engine.data.dataset import IterableDataset
from azuraforge.engine.data.fetch import Fetcher, Task, here
from azuraforge.engine.data.sampler import (
    BatchSampler,
    EpochSampler,
    RandomSampler,
    check_resumable,
    load_sampler_state,
    sampler_state,
)
from azuraforge.engine.data.workers import Workers
from azuraforge.engine.random import Generator, default_generator
from azuraforge.errors import ConfigError


class DataLoader:
    """Batches of a dataset; `for x, y in loader` runs one epoch after the other.

    Rows of a TensorDataset come as it holds them, and not shuffled they are views, as slices are;
    samples of other datasets are put together by `collate_fn`, else by default_collate.

    Epoch e is shuffled by the generator's child "epoch e", so any batch of any epoch is reached
    without drawing what came before: (epoch, batch) is the whole cursor. What dataset and
    collate_fn draw from the default generator is a function of generator, epoch and batch, so
    `num_workers` processes make the same batches as none. They are spawned: a script needs
    `if __name__ == "__main__":`, and dataset and functions must be importable. A stream has one
    worker at most. `persistent_workers` lets workers live on between epochs.

    Raises: ConfigError.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        *,
        drop_last: bool = False,
        worker_init_fn: Callable[[int], None] | None = None,
        generator: Generator | None = None,
        prefetch_factor: int = 2,
        persistent_workers: bool = False,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = bool(shuffle)
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.worker_init_fn = worker_init_fn
        self.prefetch_factor = prefetch_factor
        self.persistent_workers = persistent_workers
        self.epoch = 0  # the last one begun
        self._start = 0  # the batch at which the next one begins
        self._place: _Place | None = None  # of the newest iteration
        self._idle: Workers | None = None
        self._check_numbers()
        self._check_order()
        self.generator = generator or default_generator().child("loader")

    def __len__(self) -> int:
        """Batches in an epoch. Raises: TypeError where dataset or sampler do not tell."""
        if self.batch_sampler is not None:
            batches: Any = self.batch_sampler
            return len(batches)
        numbers: Any = self.dataset if self.sampler is None else self.sampler
        samples = len(numbers)
        if self.batch_size is None:
            return samples
        full, rest = divmod(samples, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Any]:
        start, self._start = self._start, 0
        return self.batches(self.epoch + 1, start)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Any]:
        """The batches of an epoch from number `start` on; of a given sampler, its next epoch."""
        self.epoch = epoch
        self._place = place = _Place(epoch, start, sampler_state(self._given))
        return chain(self._made(place), self._over(place))

    def state_dict(self) -> dict[str, Any]:
        """Where the newest iteration is: a loader that loads this goes on with its next batch.

        Raises: ConfigError for a sampler that cannot say where it is.
        """
        check_resumable(self._given)
        place = self._place or _Place(self.epoch + 1, self._start, sampler_state(self._given))
        return {
            "epoch": place.epoch,
            "batch": place.batch,
            "sampler": place.sampler,
            "generator": list(self.generator.state),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Let the next iteration go on where `state_dict` was taken."""
        self.generator.move_to(tuple(state_dict["generator"]))
        load_sampler_state(self._given, state_dict["sampler"])
        self.epoch, self._start = state_dict["epoch"] - 1, state_dict["batch"]
        self._place = None

    @property
    def _given(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _made(self, place: _Place) -> Iterator[Any]:
        fetcher = Fetcher(
            self.dataset, self.collate_fn, self.batch_size is not None, self.drop_last
        )
        plan = self._plan(place.epoch, fetcher.is_direct)
        if fetcher.is_direct and isinstance(plan, list) and not self.num_workers:
            return place.direct(self.dataset, plan[place.done :])
        key, first = self.generator.key, place.done
        tasks = (Task(key, place.epoch, at, rows) for at, rows in zip(count(), plan, strict=False))
        made = self._by_workers if self.num_workers else here
        return place.counted(made(fetcher, islice(tasks, first, None)))

    def _over(self, place: _Place) -> Iterator[Any]:
        """No batches: says that there are no more of this epoch."""
        place.epoch, place.done, place.rest = place.epoch + 1, 0, iter(())
        place.sampler = sampler_state(self._given)
        yield from ()

    def _by_workers(self, fetcher: Fetcher, tasks: Iterator[Task]) -> Iterator[Any]:
        workers, self._idle = self._idle, None
        if workers is None:
            number = 1 if isinstance(self.dataset, IterableDataset) else self.num_workers
            workers = Workers(fetcher, number, self.prefetch_factor, self.worker_init_fn)
        try:
            yield from workers.run(tasks)
            if self.persistent_workers:
                self._idle = workers
        finally:
            if self._idle is not workers:
                workers.close()

    def _plan(self, epoch: int, is_direct: bool) -> Iterable[Any]:
        """The rows of every batch; of a stream, their number."""
        if isinstance(self.dataset, IterableDataset):
            return repeat(self.batch_size or 1)
        if self.batch_sampler is not None:
            return self.batch_sampler
        order = self._order(epoch)
        if not isinstance(order, range | np.ndarray):
            size = self.batch_size
            return order if size is None else BatchSampler(order, size, self.drop_last)
        if self.batch_size is None:
            return list(order) if isinstance(order, range) else order.tolist()
        ends = range(self.batch_size, (len(self) + 1) * self.batch_size, self.batch_size)
        slices = [slice(end - self.batch_size, end) for end in ends]
        if is_direct:
            return slices if isinstance(order, range) else [order[rows] for rows in slices]
        return [np.asarray(order[rows]).tolist() for rows in slices]

    def _order(self, epoch: int) -> Any:
        """The numbers of the samples: a range where they come in order."""
        if isinstance(self.sampler, EpochSampler):
            return self.sampler.take()
        if self.sampler is not None:
            return self.sampler
        if not self.shuffle:
            return range(len(self.dataset))
        return RandomSampler(self.dataset, generator=self.generator).order(epoch)

    def _check_numbers(self) -> None:
        """Raise ConfigError for numbers that make no batches."""
        rows = None if isinstance(self.dataset, IterableDataset) else len(self.dataset)
        if self.batch_size is not None and (self.batch_size < 1 or rows == 0):
            raise ConfigError(
                f"DataLoader: batch_size {self.batch_size} of {rows} rows; allowed: 1 or more"
            )
        if self.num_workers < 0 or self.prefetch_factor < 1:
            raise ConfigError(
                f"DataLoader: num_workers {self.num_workers}, prefetch_factor "
                f"{self.prefetch_factor}; allowed: 0 or more workers, 1 or more batches ahead"
            )

    def _check_order(self) -> None:
        """Raise ConfigError where two arguments would both say the order, or the batches."""
        words = {
            "shuffle": self.shuffle,
            "sampler": self.sampler is not None,
            "batch_sampler": self.batch_sampler is not None,
            "drop_last": self.drop_last,
            "batch_size": self.batch_size not in (None, 1),
        }
        given = {name for name, is_given in words.items() if is_given}
        for name, excluded, is_met in (
            (
                "an IterableDataset",
                {"shuffle", "sampler", "batch_sampler"},
                isinstance(self.dataset, IterableDataset),
            ),
            (
                "batch_sampler",
                {"shuffle", "sampler", "drop_last", "batch_size"},
                "batch_sampler" in given,
            ),
            ("sampler", {"shuffle"}, "sampler" in given),
            ("batch_size None", {"drop_last"}, self.batch_size is None),
        ):
            if is_met and given & excluded:
                raise ConfigError(
                    f"DataLoader: {', '.join(sorted(given & excluded))} with {name}; allowed: one "
                    "of them: leave the other out"
                )


@dataclass
class _Place:
    """The epoch and batch that come next, and where a given sampler was when that epoch began."""

    epoch: int
    done: int  # batches handed out, once `rest` is used up
    sampler: Any
    rest: Iterator[Any] = field(default_factory=lambda: iter(()))

    @property
    def batch(self) -> int:
        return self.done - length_hint(self.rest)

    def direct(self, dataset: Any, several: list[Any]) -> Iterator[Any]:
        """The batches of these rows; `rest` keeps step with them, in a tenth of a loop's time."""
        self.done, self.rest = self.done + len(several), iter(several)
        return map(itemgetter(0), zip(dataset.each(several), self.rest, strict=False))

    def counted(self, batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            self.done += 1
            yield batch
