"""Every op, one declaration each; `OPS` holds them by name."""

from azuraforge.engine.ops import (
    activation,
    attention,
    conv,
    elementwise,
    exponential,
    index,
    loss,
    matmul,
    norm,
    pool,
    recurrent,
    reduce,
    rounding,
    shape,
    special,
    trig,
)
from azuraforge.engine.ops.op import OPS, Op

__all__ = [
    "OPS",
    "Op",
    "activation",
    "attention",
    "conv",
    "elementwise",
    "exponential",
    "index",
    "loss",
    "matmul",
    "norm",
    "pool",
    "recurrent",
    "reduce",
    "rounding",
    "shape",
    "special",
    "trig",
]
