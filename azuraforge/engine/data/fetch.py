"""One batch of a dataset, as a function of the loader's seed, the epoch and the batch's number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from azuraforge.engine.data.collate import default_collate, default_convert
from azuraforge.engine.data.dataset import IterableDataset, samples_of
from azuraforge.engine.random import Generator, using


@dataclass(frozen=True)
class Task:
    """Batch `number` of an epoch: the numbers of its samples, of a stream how many."""

    key: int  # of the loader's generator
    epoch: int
    number: int
    rows: Any


class EndOfStream(Exception):  # noqa: N818  (no error: how a stream says that it has ended)
    """The stream has no samples for this batch."""


@dataclass
class Fetcher:
    """Makes batches, here and in workers alike.

    What dataset and collate_fn draw from the default generator is drawn from the batch's own.
    """

    dataset: Any
    collate_fn: Callable[[Any], Any] | None
    is_batching: bool
    drop_last: bool
    _stream: Iterator[Any] | None = None
    _next: tuple[int, int] = (0, 0)  # the epoch and batch at which the stream is
    _is_over: bool = False

    @property
    def is_stream(self) -> bool:
        return isinstance(self.dataset, IterableDataset)

    @property
    def is_direct(self) -> bool:
        """Whether the dataset gives batches as they are wanted."""
        plain = self.is_batching and self.collate_fn is None
        return plain and getattr(self.dataset, "is_batched", False)

    def __call__(self, task: Task) -> Any:
        """The batch. Raises: EndOfStream."""
        if self.is_direct:
            return next(iter(self.dataset.each([task.rows])))
        if self.is_stream:
            return self._streamed(task)
        with _batch_generator(task):
            one_by_one = samples_of if self.is_batching else _sample
            return self._together(one_by_one(self.dataset, task.rows))

    def _streamed(self, task: Task) -> Any:
        """The stream's batch: the next one, or found by going through those before it."""
        here = (task.epoch, task.number)
        if self._is_over and self._next[0] == task.epoch and self._next <= here:
            raise EndOfStream
        if self._stream is None or self._next != here:
            self._stream, self._next, self._is_over = iter(self.dataset), (task.epoch, 0), False
            for number in range(task.number):
                self._streamed(Task(task.key, task.epoch, number, task.rows))
        with _batch_generator(task):
            samples = list(islice(self._stream, task.rows))
            if not samples or (self.drop_last and len(samples) < task.rows):
                self._is_over = True
                raise EndOfStream
            self._next = (task.epoch, task.number + 1)
            return self._together(samples if self.is_batching else samples[0])

    def _together(self, samples: Any) -> Any:
        if self.collate_fn is not None:
            return self.collate_fn(samples)
        return default_collate(samples) if self.is_batching else default_convert(samples)


def here(fetcher: Fetcher, tasks: Iterable[Task]) -> Iterator[Any]:
    """The batches, made in this process when they are asked for."""
    for task in tasks:
        try:
            batch = fetcher(task)
        except EndOfStream:
            return
        yield batch


def _sample(dataset: Any, number: Any) -> Any:
    return dataset[number]


def _batch_generator(task: Task) -> Any:
    own = Generator(task.key).child(f"epoch {task.epoch}").child(f"batch {task.number}")
    return using(own)
