"""A service on a loopback port, in a thread of its own, over handles in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

from azuraforge.api.server import serve
from tests.api.memory import MemoryHandles


class Service:
    """`serve` in a thread of its own, as TestClient cannot read a response that goes on."""

    def __init__(self, handles: MemoryHandles, host: str = "127.0.0.1") -> None:
        self._ready: Future[str] = Future()
        self._handles = handles
        self._host = host
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Service:
        self._thread.start()
        self.url = self._ready.result(timeout=30)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(timeout=30)
            assert not self._thread.is_alive()

    def call(self, function: Callable[..., object], *arguments: object) -> object:
        """The result of a function called in the service's thread, so that nothing races."""

        async def called() -> object:
            return function(*arguments)

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result(timeout=30)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(
            serve(self._handles, self._host, 0, on_ready=self._ready.set_result)
        )
        try:
            await self._task
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self._ready.set_exception(error)
            raise
