"""ONNX models: `load` gives a module to run, train further and freeze; `export` writes one.

Needs the package `onnx`, for the file format alone: pip install "azuraforge[onnx]".
"""

from azuraforge.errors import ConfigError

try:
    from azuraforge.interop.onnx.export import export
    from azuraforge.interop.onnx.graph import Graph
    from azuraforge.interop.onnx.model import load
except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] not in ("google", "onnx"):
        raise
    raise ConfigError(
        f"azuraforge.interop.onnx needs {error.name}, which is not installed; "
        "pip install 'azuraforge[onnx]'"
    ) from error

__all__ = ["Graph", "export", "load"]
