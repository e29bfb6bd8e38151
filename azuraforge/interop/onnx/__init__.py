"""ONNX models: `load` gives a module to run, train further and freeze; `export` writes one.

Needs the package `onnx`, for the file format alone: pip install "azuraforge[onnx]".
"""

from azuraforge.interop.onnx.export import export
from azuraforge.interop.onnx.graph import Graph
from azuraforge.interop.onnx.model import load

__all__ = ["Graph", "export", "load"]
