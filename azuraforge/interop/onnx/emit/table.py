"""The table of emitters.

An emitter gets the writer, the slots of the op's operands, and the op's attributes as keywords; it
gives the slot of the result, or several. The keyword `_y`, where there is one, is the first output
of the traced run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from azuraforge.engine.replay.trace import Applied
from azuraforge.errors import AzuraForgeError, ConfigError
from azuraforge.interop.onnx.writer import Writer

F = TypeVar("F", bound=Callable[..., Any])
EMITTERS: dict[str, Callable[..., Any]] = {}  # by the op's name, filled at import


def emits(*names: str) -> Callable[[F], F]:
    """Make a function the emitter of ops."""

    def declare(function: F) -> F:
        EMITTERS.update(dict.fromkeys(names, function))
        return function

    return declare


def emitted(to: Writer, step: Applied) -> None:
    """Write the nodes of one applied op. Raises: ConfigError naming an op that ONNX has not."""
    try:
        found = _found(to, step)
    except AzuraForgeError as error:
        shapes = ", ".join(str(getattr(x, "shape", x)) for x in step.inputs)
        raise type(error)(f"onnx.export: the op {step.op.name}({shapes}) {error}") from error
    several = found if isinstance(found, list | tuple) else [found]
    for array, slot in zip(step.outputs, several, strict=False):
        to.put(array, slot.name)


def _found(to: Writer, step: Applied) -> Any:
    emitter = EMITTERS.get(step.op.name)
    if emitter is None and step.op.formulas is not None:
        return EMITTERS["formula"](to, step)
    if emitter is None:
        raise ConfigError("has no counterpart among ONNX's operators here; do it by other ops")
    attributes = dict(zip(step.op.signature.defaults, step.attributes, strict=True))
    if "_y" in inspect.signature(emitter).parameters:
        attributes["_y"] = step.outputs[0]
    return emitter(to, *map(to.of, step.inputs), **attributes)
