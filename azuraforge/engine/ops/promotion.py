"""The element type that operands have in common, by PyTorch's rules.

Truth values, whole, floating and complex numbers are four categories. The widest type of the arrays
decides; numbers without axes, and after them Python's numbers, count only where their category is
a higher one, and then a Python float is a float32, a Python int an int64.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from azuraforge.errors import DTypeError

DType = np.dtype[Any]
CATEGORIES = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
OF_PYTHON = {
    bool: np.dtype(np.bool_),
    int: np.dtype(np.int64),
    float: np.dtype(np.float32),
    complex: np.dtype(np.complex64),
}


def common_type(inputs: Sequence[Any]) -> DType:
    """The common element type of arrays and Python numbers."""
    first = inputs[0]
    if isinstance(first, np.ndarray):
        dtype: DType = first.dtype
        if all(getattr(x, "dtype", None) is dtype for x in inputs):
            return dtype
    axes, none, numbers = [], [], []
    for x in inputs:
        if not hasattr(x, "dtype"):
            numbers.append(OF_PYTHON[type(x)])
        elif x.ndim:
            axes.append(x.dtype)
        else:
            none.append(x.dtype)
    return promoted(tuple(axes), tuple(none), tuple(numbers))


@lru_cache(maxsize=1024)
def promoted(axes: tuple[DType, ...], none: tuple[DType, ...], numbers: tuple[DType, ...]) -> DType:
    """The type for arrays with axes, arrays without, and Python numbers, of these types."""
    found = None
    for level in (axes, none, numbers):
        if level:
            widest = widest_type(level)
            found = widest if found is None else _joined(found, widest)
    assert found is not None
    return found


def widest_type(types: Iterable[DType]) -> DType:
    """The widest among types of equal standing: int64 and float16 give float16.

    Raises: DTypeError for a type that the engine does not compute in: text, objects, bfloat16.
    """
    kinds = list(types)
    for dtype in kinds:
        if dtype.kind not in CATEGORIES:
            raise DTypeError(
                f"element type {dtype}; allowed: bool, whole numbers, float16 to float64, complex"
            )
    top = max(CATEGORIES[dtype.kind] for dtype in kinds)
    if top < CATEGORIES["c"]:
        return np.result_type(*(dtype for dtype in kinds if CATEGORIES[dtype.kind] == top))
    return np.result_type(*(dtype for dtype in kinds if dtype.kind in "fc"))


def _joined(higher: DType, lower: DType) -> DType:
    """The type of the higher standing, but in the category of the lower where that is above."""
    if CATEGORIES[lower.kind] <= CATEGORIES[higher.kind]:
        return higher
    if lower.kind == "c" and higher.kind == "f":
        return np.result_type(higher, np.complex64)
    return lower


def floating(common: DType) -> DType:
    """The type itself where it is floating or complex, else float32."""
    return common if common.kind in "fc" else np.dtype(np.float32)


def real_type(common: np.dtype[Any]) -> np.dtype[Any]:
    """The type of the parts of a complex number; another type is itself."""
    return np.dtype(f"f{common.itemsize // 2}") if common.kind == "c" else common
