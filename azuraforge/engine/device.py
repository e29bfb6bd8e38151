"""Where arrays live: the array module of a device, and moving arrays there.

The only module beside kernels/ that imports CuPy. Nothing falls back: a device that was asked for
and does not work is a DeviceError that says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
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
