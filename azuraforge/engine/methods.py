"""Tensor's methods beyond those in its class, loaded when the first of them is asked for.

They are all the functions of `functions/`, which take 40 ms to import: a run that trains a plain
network needs none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from azuraforge.engine.tensor import Tensor

OPERATORS = """
    __abs__ __pos__ __invert__ __mod__ __rmod__ __floordiv__ __rfloordiv__ __rpow__ __rdiv__
    __and__ __rand__ __or__ __ror__ __xor__ __rxor__ __lshift__ __rlshift__ __rshift__ __rrshift__
    __iadd__ __isub__ __imul__ __itruediv__ __ipow__ __imod__ __ifloordiv__ __iand__ __ior__
    __ixor__
""".split()


def load() -> None:
    """Give Tensor all of its methods."""
    import_module("azuraforge.engine.functions")


def make_room() -> None:
    """Take back what `defer` did; functions/ does so before it gives Tensor the methods."""
    for name in ("__getattr__", *OPERATORS):
        delattr(Tensor, name)


def _found(self: Tensor, name: str) -> Any:
    if name.startswith("_"):  # nobody asks for those by name; NumPy tries some
        raise AttributeError(f"'Tensor' object has no attribute {name!r}")
    load()
    return getattr(self, name)


def _operator(name: str) -> Callable[..., Any]:
    def call(self: Tensor, *operands: Any) -> Any:
        load()
        return getattr(self, name)(*operands)

    return call


def defer() -> None:
    """Let Tensor load its methods when one is asked for."""
    Tensor.__getattr__ = _found  # type: ignore[attr-defined]
    for name in OPERATORS:
        setattr(Tensor, name, _operator(name))
