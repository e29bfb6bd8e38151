"""Where arrays live: the array module of a device, moving arrays there, and lanes of a GPU.

The only module beside kernels/ that imports CuPy. Nothing falls back: a device that was asked for
and does not work is a DeviceError that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Literal, cast

import numpy as np

from azuraforge.errors import DeviceError

DeviceName = Literal["cpu", "cuda"]
Array = Any  # numpy.ndarray or cupy.ndarray: one interface, two modules


def array_module(device: str) -> Any:
    """NumPy for `cpu`, CuPy for `cuda`.

    Raises: DeviceError for another name, or if no GPU works.
    """
    if device == "cpu":
        return np
    if device == "cuda":
        return _cupy()
    raise DeviceError(f"device {device!r} is unknown; allowed: cpu, cuda")


def is_array(x: Any) -> bool:
    """Whether it is an array of NumPy or CuPy."""
    return isinstance(x, np.ndarray) or hasattr(type(x), "__cuda_array_interface__")


def may_share_memory(one: Any, other: Any) -> bool:
    """Whether both are arrays of one device whose memory may overlap."""
    if not is_array(one) or type(one) is not type(other):
        return False
    return bool(module_of(one).may_share_memory(one, other))


def module_of(array: Array) -> Any:
    """The module whose functions take this array; NumPy for Python numbers."""
    if isinstance(array, np.ndarray | np.generic | int | float | bool):
        return np
    return _cupy()


def common_module(name: str, operands: Sequence[Any]) -> Any:
    """The module whose functions take all these operands. Raises: DeviceError where they differ."""
    found = None
    for x in operands:
        if isinstance(x, int | float | np.generic):
            continue
        xp = np if isinstance(x, np.ndarray) else module_of(x)
        if found is not None and xp is not found:
            raise DeviceError(
                f"{name}: operands are on {', '.join(map(device_of, operands))}; "
                "bring them to one device with .to('cuda') or .to('cpu')"
            )
        found = xp
    return np if found is None else found


def device_of(array: Array) -> DeviceName:
    """The device an array lives on."""
    return "cpu" if module_of(array) is np else "cuda"


def put(array: Array, device: str) -> Array:
    """The array on `device`; itself where it already is there."""
    xp = array_module(device)
    if module_of(array) is xp:
        return array
    return array.get() if xp is np else xp.asarray(array)


class Lane:
    """A CUDA stream and memory of its own, for a step that is captured once and then replayed.

    A graph writes to the addresses it was captured with; what it lets go of goes back to the lane's
    pool, so that nobody else is given that memory. Written after CuPy 14's documentation and
    tested with a stand-in: it has not run on a GPU yet.
    """

    def __init__(self, xp: Any) -> None:
        self._cuda = xp.cuda
        self._stream = xp.cuda.Stream(non_blocking=True)  # the default stream cannot be captured
        self._pool = xp.cuda.MemoryPool()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Within the block, work goes to the lane, after what its caller asked for before.

        What the caller asks for after the block waits for it on the GPU, not here.
        """
        caller = self._cuda.get_current_stream()
        self._stream.wait_event(caller.record())
        try:
            with self._stream, self._cuda.using_allocator(self._pool.malloc):
                yield
        finally:
            caller.wait_event(self._stream.record())

    def graph(self, calls: Sequence[Callable[[], Any]]) -> Callable[[], None]:
        """The calls' work on the GPU as one launch; here they are captured and do nothing.

        They must have been made on the lane before: what is compiled or set up the first time, and
        memory that the pool does not have yet, cannot be captured.
        """
        with self.taken():
            self._stream.begin_capture()
            try:
                for call in calls:
                    call()
            finally:
                graph = self._stream.end_capture()  # raises, too, where a call spoilt it
        return partial(graph.launch, self._stream)


@cache
def _cupy() -> Any:
    try:
        import cupy  # here: on a machine without a GPU there is nothing to import
    except ImportError as error:
        raise DeviceError(
            f"device 'cuda' was asked for, but CuPy cannot be imported ({error}); "
            "install azuraforge[gpu], or use device 'cpu'"
        ) from error
    try:
        count = cast(int, cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(
            f"device 'cuda' was asked for, but the CUDA driver answers: {error}; "
            "`azuraforge doctor` tells more"
        ) from error
    if count == 0:
        raise DeviceError("device 'cuda' was asked for, but CuPy finds no GPU; use device 'cpu'")
    return cupy
