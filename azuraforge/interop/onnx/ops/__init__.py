"""The converters, by family; importing this fills the table that `converter.find` reads."""

from azuraforge.interop.onnx.ops import (
    activation,
    constant,
    elementwise,
    index,
    matrix,
    reduce,
    shape,
)

__all__ = ["activation", "constant", "elementwise", "index", "matrix", "reduce", "shape"]
