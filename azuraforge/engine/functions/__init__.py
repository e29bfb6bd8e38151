"""Functions of tensors under PyTorch's names; `FUNCTIONS` holds them by dotted name."""

from azuraforge.engine.functions import (
    complex,
    create,
    exchange,
    fft,
    indexing,
    inplace,
    linalg,
    pointwise,
    reduce,
    shape,
)
from azuraforge.engine.functions.function import FUNCTIONS
from azuraforge.engine.functions.methods import attach
from azuraforge.engine.methods import make_room

__all__ = [
    "FUNCTIONS",
    "complex",
    "create",
    "exchange",
    "fft",
    "indexing",
    "inplace",
    "linalg",
    "pointwise",
    "reduce",
    "shape",
]

make_room()
attach()
inplace.attach()
