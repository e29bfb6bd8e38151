"""Arrays that stay as they are, and what was made of them alone: a model's weights, packed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from azuraforge.engine.device import Array


class Constants:
    """A set of arrays, with their views; what functions made of them is made once."""

    def __init__(self) -> None:
        self._held: dict[int, Array] = {}
        self._made: dict[Any, tuple[Any, Any]] = {}

    def add(self, array: Array) -> None:
        """Take an array for a constant."""
        root = _root(array)
        self._held[id(root)] = root

    def holds(self, *arrays: Array) -> bool:
        """Whether all of them are constants, views of some, or in memory that none may write to."""
        roots = [_root(array) for array in arrays]
        return all(id(root) in self._held or not root.flags.writeable for root in roots)

    def made(self, function: Callable[..., Any], *arrays: Array) -> Any:
        """What the function makes of constants."""
        key = (function, *map(_place, arrays))
        if key not in self._made:
            self._made[key] = function(*arrays), arrays  # which keep their memory, and so the key
        return self._made[key][0]


def _root(array: Array) -> Array:
    """The array whose memory it is a view of; itself, if it is none."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _place(array: Array) -> Any:
    return array.ctypes.data, array.shape, array.strides, array.dtype
