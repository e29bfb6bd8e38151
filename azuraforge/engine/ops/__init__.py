"""Every op, one declaration each; `OPS` holds them by name."""

from azuraforge.engine.ops import (
    activation,
    conv,
    elementwise,
    index,
    loss,
    matmul,
    pool,
    recurrent,
    reduce,
    shape,
)
from azuraforge.engine.ops.op import OPS, Op

__all__ = [
    "OPS",
    "Op",
    "activation",
    "conv",
    "elementwise",
    "index",
    "loss",
    "matmul",
    "pool",
    "recurrent",
    "reduce",
    "shape",
]
