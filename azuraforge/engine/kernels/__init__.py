"""Hot loops, one file per op: what an op's reference does, compiled.

A kernel module has `accepts(*inputs, **attributes)`, `forward`, and `gradients` under the keys that
the op's own have; the names of their parameters are wired to the op's signature as in `ops/op.py`.
Without Numba, or where `accepts` says no, the reference runs: delete a file and all still works.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any


@cache
def kernel(name: str) -> Any:
    """The kernel module of this name; None without Numba. Its first import may compile it."""
    if find_spec("numba") is None:
        return None
    return import_module(f"{__name__}.{name}")
