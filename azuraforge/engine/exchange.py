"""How other libraries see a tensor: NumPy's protocols and DLPack without a copy, pickle not at all.

The functions here are methods of Tensor; `x` is the tensor.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from azuraforge.errors import DeviceError, GradientError, RefusedError


def as_array(x: Any, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
    """NumPy's `__array__`: the numbers, shared where neither `dtype` nor `copy` asks otherwise.

    Raises: GradientError for a tensor that needs a gradient, which NumPy would lose; DeviceError
            for one on a GPU; ValueError where `copy` is False and one is needed.
    """
    _check(x, "__array__")
    if x.device != "cpu":
        raise DeviceError("__array__: this tensor is on a GPU; use .to('cpu') or .numpy()")
    return np.array(x.numpy(), dtype=dtype, copy=copy)


def dlpack(x: Any, **options: Any) -> Any:
    """DLPack's `__dlpack__`: a capsule with the tensor's own memory.

    Raises: GradientError for a tensor that needs a gradient.
    """
    _check(x, "__dlpack__")
    return x.data.__dlpack__(**options)


def dlpack_device(x: Any) -> tuple[int, int]:
    """DLPack's numbers for the kind of device and which of them."""
    kind, which = x.data.__dlpack_device__()
    return int(kind), int(which)


def deep_copy(x: Any, memo: dict[int, Any]) -> Any:
    """A leaf of the same numbers, in memory of its own.

    Raises: GradientError for the result of an op, whose past cannot be copied.
    """
    if x.node is not None:
        raise GradientError("deepcopy: only a leaf can be copied; use .detach() first")
    twin = type(x)(x.data.copy())
    memo[id(x)] = twin
    twin.requires_grad, twin.grad = x.requires_grad, deepcopy(x.grad, memo)
    if hasattr(x, "__dict__"):  # of a subclass
        vars(twin).update(deepcopy(vars(x), memo))
    return twin


def refuse_pickle(x: Any, protocol: Any) -> Any:
    """Raises: RefusedError: a pickle runs code when it is read."""
    raise RefusedError(
        f"pickle: a {type(x).__name__} is not pickled, since reading a pickle runs the code in it; "
        "use azuraforge.save(module.state_dict(), 'model.safetensors'), or send tensor.numpy()"
    )


def _check(x: Any, how: str) -> None:
    if x.requires_grad:
        raise GradientError(f"{how}: this tensor needs a gradient; use .detach() first")
