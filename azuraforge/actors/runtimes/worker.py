"""A thread that makes calls in the order they were given; waiting for them, in two ways."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

from azuraforge.errors import RefusedError

CLOSED = "this runtime is closed; connect() gives another one"
P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """A thread for calls.

    Not a ThreadPoolExecutor: Python ends those before it calls what is to be done at exit, and by
    then a run that is still on could neither be stopped nor written down.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Make the call when its turn comes; its result. Raises: RefusedError after `close`."""
        result: Future[T] = Future()
        with self._lock:
            if self._is_closed:
                raise RefusedError(CLOSED)
            self._calls.put(lambda: _settle(result, call, args, kwargs))
        return result

    def close(self) -> None:
        """Make the calls that were given, then end."""
        with self._lock:
            self._is_closed = True
            self._calls.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


async def result_of(shared: Future[T]) -> T:
    """The future's result, awaited in any event loop; giving up leaves the future as it is.

    Each wait has a future of its own, which is cancelled with it: the shared one would be cancelled
    by the first who gives up, and would call back into loops that have long been closed.
    """
    own: Future[T] = Future()
    shared.add_done_callback(lambda done: _hand_on(done, own))
    return await asyncio.wrap_future(own)


class Awaitable:
    """An object's methods as coroutines, made by a worker."""

    def __init__(self, target: object, worker: Worker) -> None:
        self._target = target
        self._worker = worker

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await result_of(self._worker.submit(method, *args, **kwargs))

        return call


class Blocking:
    """An object's methods, made by a worker while the caller waits."""

    def __init__(self, target: object, worker: Worker) -> None:
        self._target = target
        self._worker = worker

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)
        return lambda *args, **kwargs: self._worker.submit(method, *args, **kwargs).result()


def _settle(result: Future[T], call: Callable[..., T], args: Any, kwargs: Any) -> None:
    if not result.set_running_or_notify_cancel():
        return
    try:
        result.set_result(call(*args, **kwargs))
    except BaseException as error:  # noqa: BLE001  (whoever asks for the result gets it)
        result.set_exception(error)


def _hand_on(done: Future[T], own: Future[T]) -> None:
    if not own.set_running_or_notify_cancel():
        return  # nobody waits any more
    error = done.exception()
    if error is None:
        own.set_result(done.result())
    else:
        own.set_exception(error)
