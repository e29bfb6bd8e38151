"""What ONNX has for our ops: one function per op that writes its nodes."""

from azuraforge.interop.onnx.emit import formula, layers, reduce, shape
from azuraforge.interop.onnx.emit.table import emitted

__all__ = ["emitted", "formula", "layers", "reduce", "shape"]
