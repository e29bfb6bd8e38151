"""Threads that wait for parts of kernels, and take those that nobody has begun.

A job is a function's address, a row of numbers and a count of parts. Whoever is free takes the next
part: the thread that brought the job does so too, and waits only for parts that others have begun.
So a thread that another process keeps from its core holds nobody up, and the bits are the same
whoever does a part. (OpenMP's threads each wait for all others: beside one busy process on the same
two cores, every kernel took milliseconds.) Only one job runs at a time: a caller that finds the
pool busy does its job alone.

A ticket is a job's number and, in its lowest 16 bits, the part to be taken next; CLOSED: none.
Its fields are written while it is closed, and a part is taken by replacing the ticket that was read
before them, so that nobody takes a part with the fields of another job.
"""

from __future__ import annotations

import atexit
import os
import threading
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from azuraforge.engine.kernels.atomic import (
    LINE,
    WORD,
    add,
    exchange,
    let_others_run,
    load,
    pause,
    sleep,
    store,
    swap,
    wake,
)
from azuraforge.engine.kernels.compile import compiled, part
from azuraforge.engine.kernels.memory import address
from azuraforge.engine.kernels.simd import INT

BUSY, TICKET, FUNCTION, DONE, BELL, SLEEPERS, HOME = (LINE * i for i in range(7))
JOB, COUNT = FUNCTION + WORD, FUNCTION + 2 * WORD
SHIFT, CLOSED = 16, 0xFFFF
AWAKE = 30_000  # looks for the next job: some 0.3 ms, in which a step comes to its next kernel
PATIENCE = 2_000  # looks before others may have the core

_state = np.zeros(7 * LINE // WORD, np.int64)
_workers: list[threading.Thread] = []
_growing = threading.Lock()


def pool(count: int) -> int:
    """The pool's address, for `shared`; with so many threads, counting the caller."""
    if count > len(_workers) + 1:
        with _growing:
            while len(_workers) + 1 < count:
                _workers.append(_worker())
    return _ADDRESS


def _worker() -> threading.Thread:
    worker = threading.Thread(target=_serve, args=(_ADDRESS,), name="azuraforge", daemon=True)
    worker.start()
    return worker


def _send_home() -> None:
    """At the end of the process, before the code that they run goes."""
    _state[HOME // WORD] = 1
    _ring(_ADDRESS)
    for worker in _workers:
        worker.join()


def _in_a_fork() -> None:
    """A forked process has the memory of the pool, but none of its threads."""
    _workers.clear()
    _state.fill(0)
    _state[TICKET // WORD] = CLOSED


@intrinsic
def call(typing: Any, function: Any, job: Any, number: Any, count: Any) -> Any:
    """f(job, number, count) of the function at an address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [INT] * 3)
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), emit


@part
def shared(at, function, count, job):  # type: ignore[no-untyped-def]
    """Do all parts of a job, with whoever of the pool comes."""
    if count == 1 or not swap(at + BUSY, 0, 1):
        for number in range(count):
            call(function, job, number, count)
    else:
        ticket = ((load(at + TICKET) >> SHIFT) + 1) << SHIFT
        store(at + FUNCTION, function)
        store(at + JOB, job)
        store(at + COUNT, count)
        store(at + DONE, 0)
        exchange(at + TICKET, ticket)
        add(at + BELL, 1)
        if load(at + SLEEPERS) > 0:
            wake(at + BELL, count - 1)
        number = add(at + TICKET, 1) - ticket
        while number < count:
            call(function, job, number, count)
            add(at + DONE, 1)
            number = add(at + TICKET, 1) - ticket
        looks = 0
        while load(at + DONE) < count:
            looks = _look(looks)
        exchange(at + TICKET, ticket | CLOSED)
        store(at + BUSY, 0)


@part
def _look(looks):  # type: ignore[no-untyped-def]
    """Wait a moment; the more patiently the longer it takes."""
    if looks > PATIENCE:
        let_others_run(0)
    else:
        pause(0)
    return looks + 1


@part
def _takes_a_part(at):  # type: ignore[no-untyped-def]
    """Whether there was one; it is done then."""
    ticket = load(at + TICKET)
    number = ticket & CLOSED
    if number == CLOSED:
        return False
    function, job, count = load(at + FUNCTION), load(at + JOB), load(at + COUNT)
    if number >= count:
        return False
    if swap(at + TICKET, ticket, ticket + 1):
        call(function, job, number, count)
        add(at + DONE, 1)
    return True


@compiled("void(i8)")
def _serve(at):  # type: ignore[no-untyped-def]
    """The life of a thread of the pool."""
    looks = 0
    while load(at + HOME) == 0:
        if _takes_a_part(at):
            looks = 0
        elif looks < AWAKE:
            looks = _look(looks)
        else:
            bell = load(at + BELL)
            add(at + SLEEPERS, 1)
            if load(at + TICKET) & CLOSED == CLOSED and load(at + HOME) == 0:
                sleep(at + BELL, bell)
            add(at + SLEEPERS, -1)
            looks = 0


@compiled("void(i8)")
def _ring(at):  # type: ignore[no-untyped-def]
    add(at + BELL, 1)
    wake(at + BELL, 1 << 30)


_ADDRESS = address(_state)
_in_a_fork()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_a_fork)
atexit.register(_send_home)
