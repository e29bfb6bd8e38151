"""Work shared by threads: a function compiled once, called by address with a job and a number.

A job is one row of whole numbers: sizes, distances, and addresses of arrays that the caller keeps
alive. The threads are those of pool.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic
from numba.np.unsafe.ndarray import to_fixed_tuple

from azuraforge.engine.kernels.compile import compiled, native, part
from azuraforge.engine.kernels.memory import address
from azuraforge.engine.kernels.pool import call, pool, shared
from azuraforge.engine.kernels.simd import INT
from azuraforge.engine.replay import tape

task = native("void(i8, i8, i8)")  # f(job, number, count), for `run`


def run(function: Any, count: int, *job: int) -> None:
    """Let `count` threads each call a task with its number."""
    numbers = np.array(job, np.int64)
    tape.keep(numbers)
    if count == 1:
        tape.run(_alone, function.address, address(numbers))
    else:
        tape.run(_run, pool(count), function.address, count, address(numbers))


@intrinsic
def _whole_numbers(typing: Any, address: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], INT.as_pointer())

    return types.CPointer(types.int64)(types.int64), emit


@part
def unpacked(job, length):  # type: ignore[no-untyped-def]
    """The job's numbers, `length` of them."""
    return to_fixed_tuple(carray(_whole_numbers(job), length), length)


@part
def integers(address, count):  # type: ignore[no-untyped-def]
    """An array of int64 that lies at the address."""
    return carray(_whole_numbers(address), count)


@compiled("void(i8, i8)")
def _alone(function, job):  # type: ignore[no-untyped-def]
    call(function, job, 0, 1)


@compiled("void(i8, i8, i8, i8)")
def _run(pool, function, count, job):  # type: ignore[no-untyped-def]
    shared(pool, function, count, job)
