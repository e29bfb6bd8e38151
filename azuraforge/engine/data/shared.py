"""Objects handed from one process to another in memory that both see.

The memory has no name: nothing is left of it when the processes end, however they end. Arrays lie
in it as they are, beside the pickle of what they are part of; a pickle is only ever read from a
process of our own making.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import weakref
from collections.abc import Sequence
from itertools import accumulate
from multiprocessing.reduction import DupFd
from typing import Any

import numpy as np

from azuraforge.engine.device import put
from azuraforge.engine.tensor import Tensor

ALIGNMENT = 64
Sizes = tuple[int, ...]  # of the pickle, and of every array's bytes


class SharedObject:
    """A place for one object at a time; it can be sent to a process that is being started."""

    def __init__(self, fd: int | None = None) -> None:
        self.fd = os.memfd_create("azuraforge") if fd is None else fd
        self._map: mmap.mmap | None = None
        self.close = weakref.finalize(self, os.close, self.fd)

    def __reduce__(self) -> Any:
        return _received, (DupFd(self.fd),)

    def write(self, x: Any) -> Sizes:
        """Put `x` here, in place of what was; what `read` wants to know."""
        parts = _pickled(x)
        ends = _ends([part.nbytes for part in parts])
        memory = memoryview(self._mapped(ends[-1]))
        for end, part in zip(ends, parts, strict=True):
            memory[end - part.nbytes : end] = part
        return tuple(part.nbytes for part in parts)

    def read(self, sizes: Sizes) -> Any:
        """The object, in memory of its own."""
        end = _ends(sizes)[-1]
        return _unpickled(np.frombuffer(self._mapped(end), np.uint8, end).copy(), sizes)

    def view(self, sizes: Sizes) -> Any:
        """The object, its arrays where they lie: what is written to them stays in this process."""
        private = mmap.mmap(self.fd, _ends(sizes)[-1], access=mmap.ACCESS_COPY)
        return _unpickled(np.frombuffer(private, np.uint8), sizes)

    def _mapped(self, size: int) -> mmap.mmap:
        if self._map is None or len(self._map) < size:
            if os.fstat(self.fd).st_size < size:
                os.ftruncate(self.fd, size + size // 4)  # batches differ: do not grow every time
            self._map = mmap.mmap(self.fd, 0)
        return self._map


class _Pickler(pickle.Pickler):
    """A tensor goes as its numbers: how it was made stays behind."""

    def reducer_override(self, x: Any) -> Any:
        if type(x) is Tensor:
            return Tensor, (put(x.data, "cpu"), x.requires_grad and x.is_leaf)
        return NotImplemented


def _pickled(x: Any) -> list[memoryview]:
    """The pickle, then the bytes of every array that it leaves out."""
    arrays: list[pickle.PickleBuffer] = []
    stream = io.BytesIO()
    _Pickler(stream, protocol=5, buffer_callback=arrays.append).dump(x)
    return [stream.getbuffer(), *(array.raw() for array in arrays)]


def _unpickled(memory: Any, sizes: Sizes) -> Any:
    parts = [memory[end - n : end] for end, n in zip(_ends(sizes), sizes, strict=True)]
    return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301  (of a process of ours)


def _ends(sizes: Sequence[int]) -> list[int]:
    """Where each part ends: parts begin at multiples of ALIGNMENT."""
    begins = accumulate((-(-n // ALIGNMENT) * ALIGNMENT for n in sizes), initial=0)
    return [begin + n for begin, n in zip(begins, sizes, strict=False)]


def _received(fd: Any) -> SharedObject:
    return SharedObject(fd.detach())
