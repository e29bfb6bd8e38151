"""What `azuraforge.name` and `azuraforge.linalg.name` find: functions, and element types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from azuraforge.engine.functions import FUNCTIONS

TYPES = {
    name: np.dtype(name)
    for name in """
        float16 float32 float64 int8 int16 int32 int64 uint8 complex64 complex128 bool
    """.split()
}
TYPES |= {
    "half": TYPES["float16"],
    "float": TYPES["float32"],
    "double": TYPES["float64"],
    "short": TYPES["int16"],
    "int": TYPES["int32"],
    "long": TYPES["int64"],
    "cfloat": TYPES["complex64"],
    "cdouble": TYPES["complex128"],
}
PUBLIC = {name: each for name, each in FUNCTIONS.items() if "." not in name} | TYPES


def finder(namespace: str) -> Callable[[str], Any]:
    """`__getattr__` of a public module: its functions by their names."""

    def find(name: str) -> Any:
        try:
            return FUNCTIONS[f"{namespace}.{name}"]
        except KeyError:
            raise AttributeError(
                f"module 'azuraforge.{namespace}' has no attribute {name!r}"
            ) from None

    return find


def names(namespace: str) -> list[str]:
    """The names of the functions in a namespace."""
    begin = f"{namespace}."
    return sorted(key.removeprefix(begin) for key in FUNCTIONS if key.startswith(begin))
