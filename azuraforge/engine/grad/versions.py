"""When the memory of arrays was last changed in place, so that no gradient is made of it after.

A clock counts changes. A node of the graph remembers the time it was made at; where the clock has
moved on since, the arrays it keeps are looked up. A step without changes in place so pays for one
comparison per node. What is changed by way of NumPy is not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from azuraforge.engine.device import Array, may_share_memory

now = [0]  # the clock: how many changes there were
_changes: dict[int, _Changes] = {}  # by the id of the array that owns the memory
_sweeps: WeakKeyDictionary[Any, tuple[int, str, Sequence[Array]]] = WeakKeyDictionary()


@dataclass
class _Changes:
    """Of the parts of one array's memory: when each was last changed, and by which op."""

    owner: Any  # a weak reference, which takes this away when the memory goes
    count: int = 0
    parts: dict[Any, tuple[int, str]] = field(default_factory=dict)


def changed(array: Array, by: str) -> None:
    """Note that the memory of `array` was changed in place, and by which op."""
    own = owner(array)
    key = id(own)
    if key not in _changes:
        _changes[key] = _Changes(ref(own, lambda _: _changes.pop(key, None)))
    now[0] += 1
    found = _changes[key]
    found.count += 1
    found.parts[_part(array)] = now[0], by


def swept(who: Any, by: str, arrays: Sequence[Array]) -> None:
    """Note that `who`, an optimizer, changed many arrays; one entry, however many they are."""
    now[0] += 1
    _sweeps[who] = now[0], by, arrays


def version(array: Array) -> int:
    """How often the memory of an array, or of another that shares it, was changed in place."""
    found = _changes.get(id(owner(array)))
    return found.count if found else 0


def changed_since(array: Array, time: int) -> str | None:
    """The op that changed the memory of an array after `time`, None if there was none."""
    found = _changes.get(id(owner(array)))
    low, high = _part(array)
    for (first, last), (changed_at, by) in found.parts.items() if found else ():
        if changed_at > time and first < high and low < last:
            return by
    for changed_at, by, arrays in list(_sweeps.values()):
        if changed_at > time and any(may_share_memory(array, other) for other in arrays):
            return by
    return None


def owner(array: Array) -> Any:
    """The array whose memory an array shows."""
    below: Any = array
    while type(getattr(below, "base", None)) is type(array):
        below = below.base
    return below


def _part(array: Array) -> tuple[int, int]:
    """Where an array's memory begins and ends. Parts of one array: plans keep many in one."""
    if isinstance(array, np.ndarray):
        return np.lib.array_utils.byte_bounds(array)
    low = int(array.data.ptr)
    return low, low + sum((n - 1) * abs(s) for n, s in zip(array.shape, array.strides, strict=True))
