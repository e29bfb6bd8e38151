"""Ctrl-C in two steps: the first asks for a clean stop, the second leaves at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from azuraforge.cli.main import INTERRUPTED

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_requests() -> Iterator[asyncio.Future[str]]:
    """A future that the first SIGINT or SIGTERM fills with its name; a second one ends the process.

    To be entered in a coroutine, after the runtime is up: Ray sets a SIGTERM handler of its own.
    """
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[str] = loop.create_future()

    def receive(received: signal.Signals) -> None:
        if asked.done():
            print("\nazuraforge: interrupted twice, leaving at once", file=sys.stderr, flush=True)
            os._exit(INTERRUPTED)  # sys.exit() would wait for the threads that train
        asked.set_result(received.name)

    for number in SIGNALS:
        loop.add_signal_handler(number, receive, number)
    try:
        yield asked
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
