"""Whole numbers that several threads read and change, and ways to wait for a change, in kernels.

Numbers are int64 and known by their address; those of different threads lie LINE bytes apart.
"""

from __future__ import annotations

import platform
import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from azuraforge.engine.kernels.lanes import declared
from azuraforge.engine.kernels.simd import I32, INT

LINE = 128  # bytes between numbers of different threads: two lines of the cache, fetched as a pair
WORD = 8  # bytes of an int64
HAS_FUTEX = sys.platform == "linux"
FUTEX = {"x86_64": 202, "aarch64": 98}.get(platform.machine(), 0)  # the system call's number
SLEEP, WAKE = 128, 129  # what it shall do, for threads of this process
NAP = 500  # microseconds, where there is no futex


@intrinsic
def load(typing: Any, at: Any) -> Any:
    """What is there; also what its writer wrote before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_pointer(builder, args[0]), "seq_cst", WORD)

    return types.int64(types.int64), emit


@intrinsic
def store(typing: Any, at: Any, value: Any) -> Any:
    """Write a number, after all that was written before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[1], _pointer(builder, args[0]), "release", WORD)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@intrinsic
def add(typing: Any, at: Any, value: Any) -> Any:
    """Add; what was there before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _pointer(builder, args[0]), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), emit


@intrinsic
def exchange(typing: Any, at: Any, value: Any) -> Any:
    """Write a number before anything that is read after; what was there before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("xchg", _pointer(builder, args[0]), args[1], "seq_cst")

    return types.int64(types.int64, types.int64), emit


@intrinsic
def swap(typing: Any, at: Any, before: Any, after: Any) -> Any:
    """Put `after` where `before` is; whether it was there."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _pointer(builder, args[0])
        found = builder.cmpxchg(place, args[1], args[2], "seq_cst", "seq_cst")
        return builder.extract_value(found, 1)

    return types.boolean(*[types.int64] * 3), emit


@intrinsic
def pause(typing: Any, nothing: Any) -> Any:
    """Tell the core that it waits for another's number."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if platform.machine() in ("x86_64", "AMD64"):
            builder.call(declared(builder, "llvm.x86.sse2.pause", ir.VoidType(), []), [])
        elif platform.machine() in ("aarch64", "arm64"):
            one = ir.Constant(I32, 1)  # YIELD
            builder.call(declared(builder, "llvm.aarch64.hint", ir.VoidType(), [I32]), [one])
        return context.get_dummy_value()

    return types.void(types.int64), emit


@intrinsic
def let_others_run(typing: Any, nothing: Any) -> Any:
    """Where there are more threads than cores, the one that is waited for may want this core."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if sys.platform != "win32":
            builder.call(declared(builder, "sched_yield", I32, []), [])
        return context.get_dummy_value()

    return types.void(types.int64), emit


@intrinsic
def sleep(typing: Any, at: Any, value: Any) -> Any:
    """Sleep until `wake`, unless the lower half of what is there is no longer `value`'s."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if HAS_FUTEX:
            _futex(builder, args[0], SLEEP, args[1])
        elif sys.platform != "win32":
            builder.call(declared(builder, "usleep", I32, [I32]), [ir.Constant(I32, NAP)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@intrinsic
def wake(typing: Any, at: Any, count: Any) -> Any:
    """Wake up to `count` threads that sleep at the address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if HAS_FUTEX:
            _futex(builder, args[0], WAKE, args[1])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


def _futex(builder: Any, at: Any, what: int, value: Any) -> None:
    kind = ir.FunctionType(INT, [INT], var_arg=True)
    call = builder.module.globals.get("syscall") or ir.Function(builder.module, kind, "syscall")
    forever = ir.Constant(INT, 0)
    numbers = ir.Constant(INT, FUTEX), at, ir.Constant(INT, what), value, forever
    builder.call(call, [*numbers, ir.Constant(INT, 0), ir.Constant(INT, 0)])


def _pointer(builder: Any, at: Any) -> Any:
    return builder.inttoptr(at, INT.as_pointer())
