"""Reading a model: its opset and its names checked."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from azuraforge.errors import ConfigError, DataError
from azuraforge.interop.onnx.block import Block
from azuraforge.interop.onnx.converter import MAIN
from azuraforge.interop.onnx.graph import Graph
from azuraforge.interop.onnx.reader import Reader, domain_of

import_module("azuraforge.interop.onnx.ops")  # fills the table of converters

NEWEST = 28  # the opset whose operators the converters know


def load(source: str | Path | bytes | Any) -> Graph:
    """The model in a file, in its bytes or in a ModelProto, as a module.

    Raises: DataError for what is no valid ONNX model; ConfigError for an operator or an opset that
            is not known, with the node's name.
    """
    model, folder = _read(source)
    _check(model, source)
    reader = Reader({each.domain: each.version for each in model.opset_import}, folder)
    reader.functions.update({(f.domain, f.name): f for f in model.functions})
    graph = model.graph
    initializers = reader.initializers(graph)
    block = reader.block(graph.node, [], [y.name for y in graph.output])
    inputs = {x.name: _sizes(x) for x in graph.input if x.name not in initializers}
    _check_names(block, {*initializers, *inputs})
    return Graph(block, initializers, inputs)


def _read(source: Any) -> tuple[Any, str]:
    """The model, and the folder in which large tensors are looked for."""
    if isinstance(source, onnx.ModelProto):
        return source, ""
    try:
        if isinstance(source, bytes):
            return onnx.load_model_from_string(source), ""
        return onnx.load_model(source), str(Path(source).parent)
    except DecodeError as error:
        raise DataError(f"onnx: {_told(source)} no ONNX model: {error}") from error


def _check(model: Any, source: Any) -> None:
    """Raises: DataError for a model without a graph; ConfigError for an opset that is too new."""
    if not model.opset_import or not model.graph.output:
        raise DataError(
            f"onnx: {_told(source)} no ONNX model: there is no graph in it, or no opset"
        )
    for each in model.opset_import:
        if domain_of(each.domain) == MAIN and not 1 <= each.version <= NEWEST:
            raise ConfigError(
                f"onnx: {_told(source)} of opset {each.version}; allowed: 1 to {NEWEST}; convert "
                "it with onnx.version_converter"
            )


def _check_names(block: Block, known: set[str]) -> None:
    """Raises: DataError for a value that is used before it is made, or made twice."""
    known = known | {""}
    for node in block.nodes:
        for name in sorted({*node.inputs, *node.outer} - known):
            raise DataError(f"{node} uses {name!r}, which nothing before it makes")
        for name in sorted({*node.outputs} & known - {""}):
            raise DataError(f"{node} makes {name!r}, which is there already")
        known |= {*node.outputs}
    for name in sorted({*block.outputs} - known):
        raise DataError(f"onnx: the graph gives {name!r}, which nothing in it makes")


def _told(source: Any) -> str:
    return f"{source} is" if isinstance(source, str | Path) else "what was given is"


def _sizes(info: Any) -> tuple[int | str | None, ...] | None:
    """The sizes that an input must have: numbers, names, or any; None where nothing is said."""
    kind = info.type.tensor_type
    if not info.type.HasField("tensor_type") or not kind.HasField("shape"):
        return None
    return tuple(
        axis.dim_value if axis.HasField("dim_value") else axis.dim_param or None
        for axis in kind.shape.dim
    )
