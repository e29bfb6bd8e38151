"""Processes that make batches ahead of time, and hand them over in order through shared memory."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import cycle
from multiprocessing.connection import Connection
from typing import Any

from azuraforge.engine.data.fetch import EndOfStream, Fetcher, Task
from azuraforge.engine.data.shared import SharedObject, Sizes
from azuraforge.engine.threads import set_threads
from azuraforge.errors import ConfigError, RunError


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this process is, of how many, and its own copy of the dataset."""

    id: int
    num_workers: int
    dataset: Any


_info: ContextVar[WorkerInfo] = ContextVar("azuraforge_worker")


def get_worker_info() -> WorkerInfo | None:
    """Which worker this process is; None where it is none, and where the dataset is a stream.

    A stream has one worker, so it is not to be divided.
    """
    return _info.get(None)


class Workers:
    """Processes that make the batches of one dataset, until they are closed or forgotten."""

    def __init__(
        self, fetcher: Fetcher, number: int, ahead: int, init_fn: Callable[[int], None] | None
    ) -> None:
        self._ahead = ahead
        order = SharedObject()
        try:
            sizes = order.write((fetcher, init_fn))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ConfigError(
                f"DataLoader: dataset, collate_fn or worker_init_fn cannot be sent to a worker "
                f"({error}); define it at the top of a module, or use num_workers=0"
            ) from error
        self._workers: list[_Worker] = []
        self.close = weakref.finalize(self, _end, self._workers)
        for id in range(number):
            self._workers.append(_Worker(id, number, ahead, order, sizes))
        order.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[Any]:
        """The batches, in the order of the tasks; some are made ahead.

        Raises: what making a batch raised, with the worker's traceback; RunError for a worker
                that ended.
        """
        turns, todo = cycle(self._workers), iter(tasks)
        pending: deque[_Worker] = deque()

        def hand_out() -> None:
            while len(pending) < self._ahead * len(self._workers):
                task = next(todo, None)
                if task is None:
                    return
                pending.append(next(turns))
                pending[-1].ask(task)

        hand_out()
        while pending:
            outcome = pending.popleft().answer()
            if isinstance(outcome, _Ended):
                todo = iter(())
            else:
                hand_out()
                yield outcome.batch


@dataclass(frozen=True)
class _Made:
    batch: Any


@dataclass(frozen=True)
class _Ended:
    """The stream had no such batch."""


@dataclass(frozen=True)
class _Failed:
    error: bytes  # its pickle, which may turn out not to be one
    summary: str
    text: str


class _Worker:
    """One process, seen from ours: what it was asked comes back in the same order."""

    def __init__(self, id: int, number: int, ahead: int, order: SharedObject, sizes: Sizes) -> None:
        self.id = id
        self._slots = [SharedObject() for _ in range(ahead)]
        self._asked, self._answered = cycle(range(ahead)), cycle(range(ahead))
        context = multiprocessing.get_context("spawn")  # forking beside threads can hang
        self._connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve,
            args=(id, number, theirs, self._slots, order, sizes),
            name=f"azuraforge-loader-{id}",
            daemon=True,
        )
        self.process.start()
        theirs.close()

    def ask(self, task: Task) -> None:
        try:
            self._connection.send((task, next(self._asked)))
        except (BrokenPipeError, ConnectionResetError):
            raise self._ended() from None

    def answer(self) -> _Made | _Ended:
        """The next outcome. Raises: what making it raised."""
        try:
            sizes = self._connection.recv()
        except (EOFError, ConnectionResetError):
            raise self._ended() from None
        outcome = self._slots[next(self._answered)].read(sizes)
        if isinstance(outcome, _Failed):
            raise _error_of(outcome, self.id)
        assert isinstance(outcome, _Made | _Ended)
        return outcome

    def end(self) -> None:
        """No process, pipe or memory of it is left afterwards."""
        self.process.kill()  # it holds nothing that would outlast it
        self.process.join()
        self.process.close()
        self._connection.close()
        for slot in self._slots:
            slot.close()

    def _ended(self) -> RunError:
        self.process.join()
        return RunError(
            f"DataLoader: worker {self.id} ended with exit code {self.process.exitcode} (below 0: "
            "by that signal; -9 is often too little memory); a script must start its work under "
            "`if __name__ == '__main__':`"
        )


def _end(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.end()


def _error_of(failed: _Failed, id: int) -> BaseException:
    """The worker's exception again, where that can be made; its traceback is in the notes."""
    try:
        error = pickle.loads(failed.error)  # noqa: S301  (our own worker's)
    except Exception:  # noqa: BLE001  (an exception that cannot be made from its own arguments)
        error = RunError(f"DataLoader: {failed.summary}")
    found: BaseException = error
    found.add_note(f"in DataLoader worker {id}:\n{failed.text}")
    return found


def _serve(
    id: int,
    number: int,
    connection: Connection,
    slots: list[SharedObject],
    order: SharedObject,
    sizes: Sizes,
) -> None:
    """What a worker does: a batch for each task, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    set_threads(1)
    ready = _attempt(lambda: _started(id, number, order, sizes))
    while True:
        try:
            task, slot = connection.recv()
            outcome = ready
            if isinstance(ready, _Made):
                outcome = _attempt(lambda fetch=ready.batch, task=task: fetch(task))  # type: ignore[misc]
            connection.send(_written(slots[slot], outcome))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def _started(id: int, number: int, order: SharedObject, sizes: Sizes) -> Fetcher:
    fetcher, init_fn = order.view(sizes)
    if not fetcher.is_stream:
        _info.set(WorkerInfo(id, number, fetcher.dataset))
    if init_fn is not None:
        init_fn(id)
    assert isinstance(fetcher, Fetcher)
    return fetcher


def _attempt(make: Callable[[], Any]) -> _Made | _Ended | _Failed:
    try:
        return _Made(make())
    except EndOfStream:
        return _Ended()
    except Exception as error:  # noqa: BLE001  (raised again by the process that asked)
        return _failed(error)


def _failed(error: Exception) -> _Failed:
    try:
        sent = pickle.dumps(error)
    except Exception:  # noqa: BLE001  (whatever it holds: it arrives by name and message)
        sent = b""
    return _Failed(sent, f"{type(error).__name__}: {error}", traceback.format_exc())


def _written(slot: SharedObject, outcome: Any) -> Sizes:
    try:
        return slot.write(outcome)
    except Exception as error:  # noqa: BLE001  (a batch that cannot be sent: the asker is told)
        return slot.write(_failed(error))
