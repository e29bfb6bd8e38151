"""Every op, one declaration each; `OPS` holds them by name."""

from azuraforge.engine.ops import (
    activation,
    attention,
    conv,
    elementwise,
    index,
    loss,
    matmul,
    norm,
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
    "attention",
    "conv",
    "elementwise",
    "index",
    "loss",
    "matmul",
    "norm",
    "pool",
    "recurrent",
    "reduce",
    "shape",
]
