"""Writing a model as ONNX: the ops of one call, each as ONNX's operators."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from azuraforge import __version__
from azuraforge.engine.device import Array
from azuraforge.engine.grad.modes import no_grad
from azuraforge.engine.nn.module import Module
from azuraforge.engine.replay.trace import tracing
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError
from azuraforge.interop.onnx.emit import emitted
from azuraforge.interop.onnx.model import load
from azuraforge.interop.onnx.writer import Writer, element_type

OPSETS = range(20, 24)
IR_VERSION = 10  # of opset 21, the newest that runtimes of the last two years read


def export(
    model: Module | Callable[..., Any],
    args: Any,
    path: str | Path | None = None,
    *,
    opset: int = 20,
) -> bytes:
    """Write what the model does to `args`, a tensor or a tuple of inputs, as ONNX; the bytes.

    The shapes are those of `args`. What the model does must be made of ops: the graph is run on
    `args`, and on other numbers, and must give what the model gives.

    Raises: ConfigError for an op that ONNX has not, an opset that is not written, a result that is
            not made of tensors, and for a graph that gives something else than the model.
    """
    if opset not in OPSETS:
        raise ConfigError(f"onnx.export: opset {opset}; allowed: {OPSETS[0]} to {OPSETS[-1]}")
    inputs = list(args) if isinstance(args, list | tuple) else [args]
    modules = [each for _, each in model.named_modules()] if isinstance(model, Module) else []
    modes = [each.training for each in modules]
    try:
        for each in modules:
            each.training = False
        proto = _traced(model, inputs, opset)
        _check(proto)
        _prove(proto, model, inputs)
    finally:
        for each, mode in zip(modules, modes, strict=True):
            each.training = mode
    data: bytes = proto.SerializeToString()
    if path is not None:
        Path(path).write_bytes(data)
    return data


def _check(proto: Any) -> None:
    """Raises: ConfigError where ONNX's own checker refuses what was written."""
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ConfigError(f"onnx.export: ONNX does not allow what was written: {error}") from error


def _traced(model: Callable[..., Any], inputs: Sequence[Any], opset: int) -> Any:
    state = model.state_dict() if isinstance(model, Module) else {}
    writer = Writer(opset, {id(array): name for name, array in state.items()})
    given = [_own(x) for x in inputs]
    names = _input_names(model, len(given))
    infos = []
    for name, x in zip(names, given, strict=True):
        if isinstance(x, Tensor):
            infos.append(_info(writer.put(x.data, name).name, x.data))
    with no_grad(), tracing() as trace:
        result = model(*given)
    for step in trace:
        emitted(writer, step)
    outputs = [_output(writer, array, i) for i, array in enumerate(_arrays(result))]
    graph = helper.make_graph(
        writer.nodes, type(model).__name__, infos, outputs, list(writer.initializers.values())
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", opset)],
        producer_name="azuraforge",
        producer_version=__version__,
        ir_version=IR_VERSION,
    )


def _output(writer: Writer, array: Array, i: int) -> Any:
    """An output under a name of its own."""
    name = f"output_{i}" if i else "output"
    node = helper.make_node("Identity", [writer.of(array).name], [name], name=name)
    writer.nodes.append(node)
    return _info(name, array)


def _info(name: str, array: Array) -> Any:
    return helper.make_tensor_value_info(name, element_type(array.dtype), list(array.shape))


def _input_names(model: Callable[..., Any], count: int) -> list[str]:
    """Those of forward's parameters, as far as they go."""
    function = model.forward if isinstance(model, Module) else model
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds]
    return [found[i] if i < len(found) else f"input_{i}" for i in range(count)]


def _own(x: Any) -> Any:
    """The input in memory of its own, so that no constant of the model is taken for it."""
    return Tensor(x.data.copy()) if isinstance(x, Tensor) else x


def _arrays(result: Any) -> list[Array]:
    """The arrays of a tensor, or of tuples and lists of them."""
    if isinstance(result, Tensor):
        return [result.data]
    if isinstance(result, tuple | list):
        return [array for each in result for array in _arrays(each)]
    raise ConfigError(
        f"onnx.export: the model gives a {type(result).__name__}; allowed: tensors, tuples of them"
    )


def _prove(proto: Any, model: Callable[..., Any], inputs: Sequence[Any]) -> None:
    """Raises: ConfigError where the graph gives something else than the model."""
    graph = load(proto)
    for turned in (False, True):
        given = [_turned(x) if turned else x for x in inputs]
        with no_grad():
            expected = _arrays(model(*given))
            found = graph.run([x for x in given if isinstance(x, Tensor)])
        for y, made in zip(expected, found, strict=True):
            if not _is_close(y, made.data):
                raise ConfigError(
                    "onnx.export: the graph gives something else than the model; it may read "
                    "numbers out of tensors, or do things that are no ops"
                )


def _turned(x: Any) -> Any:
    """Other numbers, and as fit to be an input: in reverse, real ones smaller."""
    if not isinstance(x, Tensor):
        return x
    turned = x.data.reshape(-1)[::-1].reshape(x.shape)
    return Tensor(turned * turned.dtype.type(0.75) if turned.dtype.kind == "f" else turned.copy())


def _is_close(y: Array, made: Array) -> bool:
    if y.dtype.kind != "f":
        return bool((y == made).all())
    tolerance = {2: 1e-2, 4: 1e-4}.get(y.dtype.itemsize, 1e-8)
    scale = float(np.nanmax(np.abs(y), initial=0.0))
    return bool(np.allclose(made, y, rtol=tolerance, atol=tolerance * scale, equal_nan=True))
