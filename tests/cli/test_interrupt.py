from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from azuraforge.cli.interrupt import SIGNALS, stop_requests

WAITING = """
import asyncio
from azuraforge.cli.interrupt import stop_requests

async def wait():
    with stop_requests() as asked:
        print("ready", flush=True)
        print(await asked, flush=True)
        await asyncio.Event().wait()

asyncio.run(wait())
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_a_request_with_its_name(number: signal.Signals) -> None:
    async def ask() -> str:
        with stop_requests() as asked:
            os.kill(os.getpid(), number)
            return await asyncio.wait_for(asked, timeout=10)

    assert asyncio.run(ask()) == number.name


@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_leaves_at_once_with_130(number: signal.Signals) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"

    child.send_signal(number)
    asked = child.stdout.readline()
    child.send_signal(number)
    _, told = child.communicate(timeout=10)

    assert asked == f"{number.name}\n"
    assert child.returncode == 130
    assert "leaving at once" in told


def test_afterwards_ctrl_c_is_what_it_was() -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def pass_through() -> None:
        with stop_requests():
            pass

    asyncio.run(pass_through())

    assert signal.getsignal(signal.SIGTERM) == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
