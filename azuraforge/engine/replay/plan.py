"""Where the arrays of a recorded step lie: in one arena, one after the other in the same place.

A step is rehearsed before it is recorded: done eagerly, while it is seen when Python lets go of
each array that came from `tape.empty`. Until then, and no longer, calls may use it; so two arrays
may share memory if one was let go of before the other was made. Recorded, the step makes the same
arrays in the same order, and each is given its place.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.grad import versions
from azuraforge.engine.replay.tape import Tape, copy_to

ALIGNMENT = 64  # bytes: a line of the cache, and a vector
FOREVER = np.iinfo(np.int64).max


@dataclass
class Life:
    """How many bytes an array takes, and between which calls of the step it is there."""

    size: int
    begin: int  # calls made before it
    end: int = FOREVER  # calls made before Python let go of it, if it did


class Rehearsal(Tape):
    """A tape that notes nothing but when arrays come and go, and so holds none of them."""

    def __init__(self) -> None:
        super().__init__()
        self.lives: list[Life] = []
        self.met: list[Any] = []  # leaves that a gradient came to, arrays changed in place
        self._time = 0
        self._watches: list[weakref.ref[Array]] = []

    def note(self, function: Callable[..., Any], *args: Any) -> None:
        self._time += 1

    def keep(self, *arrays: Array | None) -> None:
        pass

    def overwrites(self, array: Array) -> None:
        super().overwrites(array)
        self.met.append(versions.owner(array))

    def meets(self, leaf: Any) -> None:
        self.met.append(leaf)

    def gives(self, leaf: Any, grad: Any) -> None:
        pass

    def empty(self, shape: Sequence[int], dtype: Any) -> Array:
        made, life = super().empty(shape, dtype), Life(_bytes(shape, dtype), self._time)
        key = id(made)

        def let_go(_: Any) -> None:
            life.end = self._time
            self.made.discard(key)

        self.lives.append(life)
        self._watches.append(weakref.ref(made, let_go))
        return made

    def stop(self) -> list[Life]:
        """The lives; what is there now is what the step leaves behind, and lives forever."""
        self._watches.clear()
        return self.lives


class Recording(Tape):
    """A tape whose arrays lie as a rehearsal of the same step showed that they can."""

    def __init__(self, lives: Sequence[Life], met: Sequence[Any] = ()) -> None:
        super().__init__()
        self._lives = lives
        self._met = met  # what the rehearsal met and is there again was not made by the step
        self._restores: list[Callable[[], Any]] = []
        self._places, self.size = places(lives)
        arena = np.empty(self.size + ALIGNMENT, np.uint8)
        self.made.add(id(arena))
        self._arena = arena[-arena.ctypes.data % ALIGNMENT :]
        self._count = 0

    def empty(self, shape: Sequence[int], dtype: Any) -> Array:
        number = self._count
        self._count += 1
        found = self._lives[number] if number < len(self._lives) else None
        if found is None or (found.size, found.begin) != (_bytes(shape, dtype), len(self.calls)):
            self.refuse("its second call makes other arrays than its first")
            return np.empty(shape, dtype)
        if not _is_placed(found):
            return super().empty(shape, dtype)
        return np.ndarray(shape, dtype, self._arena, self._places[number])

    def overwrites(self, array: Array) -> None:
        """A constant that the step makes, and changes, is put back before each replay."""
        own = versions.owner(array)
        if any(own is known for known in self._met):
            self.rewrites(array)
        elif id(own) not in self.made:
            self.made.add(id(own))
            self._restores.append(partial(copy_to, own, own.copy()))

    def forget(self) -> None:
        """Put NaN in every place, so that a call that reads before it fills is found out."""
        self._arena.fill(0xFF)

    def stop(self) -> None:
        """Refuse the step if arrays of the rehearsal were not made; forget gradients it forgot.

        So are those of leaves that the step made for itself.
        """
        known = set(map(id, self._met))
        self.leaves = [
            (leaf, grad) for leaf, grad in self.leaves if leaf.grad is grad and id(leaf) in known
        ]
        if self._count < len(self._lives):
            self.refuse("its second call makes fewer arrays than its first")
        self.calls = self._restores + self.calls


def places(lives: Sequence[Life]) -> tuple[list[int], int]:
    """Where in an arena each array begins, and the arena's size.

    Largest first, each at the lowest place that is free all its life: no row of the benchmarks
    needs more than 1.3 % above what is there at once.
    """
    begins, ends = (np.array([getattr(x, n) for x in lives], np.int64) for n in ("begin", "end"))
    sizes = np.array([-(-x.size // ALIGNMENT) * ALIGNMENT for x in lives], np.int64)
    found = np.full(len(lives), -1, np.int64)
    for i in sorted(range(len(lives)), key=lambda i: (-sizes[i], i)):
        if not _is_placed(lives[i]):
            continue
        met = (found >= 0) & (begins < ends[i]) & (ends > begins[i])
        found[i] = _lowest(found[met], sizes[met], sizes[i])
    return found.tolist(), int(np.max(found + sizes, where=found >= 0, initial=0))


def _lowest(begins: Array, sizes: Array, size: int) -> int:
    """The lowest place where `size` bytes lie free between what lies there already."""
    order = np.argsort(begins, kind="stable")
    begins, ends = begins[order], np.maximum.accumulate(begins[order] + sizes[order])
    free_from = np.concatenate(([0], ends))
    fits = np.append(begins, FOREVER) - free_from >= size
    return int(free_from[np.argmax(fits)])


def _is_placed(life: Life) -> bool:
    """Whether any call can use the array, and there is something to use."""
    return life.size > 0 and life.end > life.begin


def _bytes(shape: Sequence[int], dtype: Any) -> int:
    item: int = np.dtype(dtype).itemsize
    return item * math.prod(shape)
