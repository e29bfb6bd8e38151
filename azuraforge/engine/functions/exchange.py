"""Tensors of other libraries' arrays, without a copy where that is possible."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import array_module, is_array
from azuraforge.engine.functions.function import function
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import DTypeError

CUDA = 2  # DLPack's number for a device of this kind


@function("from_numpy")
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor over the memory of a NumPy array: a change of one shows in the other."""
    if not isinstance(ndarray, np.ndarray):
        raise DTypeError(f"got {type(ndarray).__name__}; allowed: a NumPy array")
    return Tensor(ndarray)


@function("from_dlpack")
def from_dlpack(ext_tensor: Any, *, device: str | None = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of any library's array that speaks DLPack."""
    if not hasattr(ext_tensor, "__dlpack_device__"):
        raise DTypeError(f"{type(ext_tensor).__name__} has no __dlpack__; allowed: arrays with one")
    xp = array_module("cuda" if int(ext_tensor.__dlpack_device__()[0]) == CUDA else "cpu")
    array = xp.from_dlpack(ext_tensor) if copy is None else xp.from_dlpack(ext_tensor, copy=copy)
    found = Tensor(array)
    return found if device is None else found.to(device)


@function("as_tensor")
def as_tensor(data: Any, dtype: Any = None, device: str | None = None) -> Tensor:
    """The tensor itself, or one over an array's memory; a copy where type or device differ."""
    if isinstance(data, Tensor):
        found = data
    elif is_array(data):
        found = Tensor(data)
    else:
        return tensor(data, dtype=dtype, device=device or "cpu")
    found = found if device is None else found.to(device)
    return found if dtype is None else found.to(dtype)
