"""A list of nodes with names for values: a graph, the body of a loop, of a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from azuraforge.engine.replay.tape import recording
from azuraforge.errors import AzuraForgeError, DTypeError, ShapeError
from azuraforge.interop.onnx.converter import Converter
from azuraforge.interop.onnx.values import (
    Value,
    as_array,
    as_tensor,
    is_constant,
    narrow_type,
    narrowed,
    on_host,
    widened,
)

STATISTICS = {"BatchNormalization": (3, 4)}  # inputs that no gradient trains


@dataclass(eq=False)
class Node:
    """An operator applied to named values."""

    op: str
    name: str
    opset: int
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: dict[str, Any]
    blocks: dict[str, Block]  # attributes that are graphs
    converter: Converter

    def run(self, scope: dict[str, Value]) -> None:
        """Find the inputs in the scope, and put the outputs there."""
        inputs = [scope[name] if name else None for name in self.inputs]
        attributes = dict(self.attributes)
        for key, block in self.blocks.items():
            attributes[key] = partial(block.call, scope)
        if self.converter.counts_outputs:
            attributes["_outputs"] = len(self.outputs)
        found = self._applied(inputs, attributes)
        several = found if isinstance(found, tuple) else (found,)
        scope.update(zip(self.outputs, several, strict=False))

    @property
    def is_pure(self) -> bool:
        """Whether equal inputs always give equal outputs, and nothing outside of them counts."""
        return not self.blocks and not self.converter.is_random

    def _applied(self, inputs: list[Value], attributes: dict[str, Any]) -> Any:
        try:
            if not (self.is_pure and all(map(is_constant, inputs))):
                return self._done(inputs, attributes)
            with recording(None):  # constants need no replay
                found = self._done(inputs, attributes)
            return tuple(map(as_array, found)) if isinstance(found, tuple) else as_array(found)
        except AzuraForgeError as error:
            raise type(error)(f"{self}: {error}") from error
        except TypeError as error:
            raise DTypeError(f"{self}: {error}") from error
        except (ValueError, IndexError) as error:
            raise ShapeError(f"{self}: {error}") from error

    def _done(self, inputs: list[Value], attributes: dict[str, Any]) -> Any:
        kinds = self.converter.is_host
        operands = [
            on_host(x) if kinds[min(i, len(kinds) - 1)] else as_tensor(x)
            for i, x in enumerate(inputs)
        ]
        narrow = None if self.converter.takes_any else narrow_type(operands)
        if narrow is None:
            return self.converter.function(*operands, **attributes)
        found = self.converter.function(*map(widened, operands), **attributes)
        several = found if isinstance(found, tuple) else (found,)
        return tuple(narrowed(y, narrow) for y in several)

    @cached_property
    def outer(self) -> set[str]:
        """Names that the graphs among the attributes find outside of themselves."""
        return {name for block in self.blocks.values() for name in block.free}

    def __str__(self) -> str:
        named = f" {self.name!r}" if self.name else ""
        return f"onnx: node{named} ({self.op}, opset {self.opset}) making {self.outputs[0]!r}"


@dataclass(eq=False)
class Block:
    """Nodes in an order in which they can be done."""

    inputs: Sequence[str]
    outputs: Sequence[str]
    nodes: Sequence[Node]
    constants: Mapping[str, Value] = field(default_factory=dict)

    def __deepcopy__(self, memo: dict[int, Any]) -> Block:
        """Itself: nothing in it changes."""
        return self

    def folded(self, constants: Mapping[str, Value]) -> tuple[Block, dict[str, Value]]:
        """The block without the nodes that follow from constants alone; those, and what they give.

        What depends on the shapes of inputs stays.
        """
        scope, kept = dict(constants), list[Node]()
        for node in self.nodes:
            if node.is_pure and all(name in scope or not name for name in node.inputs):
                node.run(scope)
            else:
                kept.append(node)
        used = {name for node in kept for name in (*node.inputs, *node.outer)} | {*self.outputs}
        found = {name: value for name, value in scope.items() if name in used}
        return Block(self.inputs, self.outputs, kept, self.constants), found

    def run(self, scope: dict[str, Value]) -> list[Value]:
        """The outputs, with every value found by its name in the scope, and left there."""
        for node, done in zip(self.nodes, self._last_uses, strict=True):
            node.run(scope)
            for name in done:
                del scope[name]
        return [scope[name] if name else None for name in self.outputs]

    def call(self, outer: Mapping[str, Value], *inputs: Value) -> list[Value]:
        """The outputs for these inputs; other names are looked for in the outer scope."""
        given = dict(zip(self.inputs, inputs, strict=False))
        return self.run({**outer, **self.constants, **given})

    @cached_property
    def _last_uses(self) -> list[list[str]]:
        """After each node the values made here that nobody needs any more."""
        made = {name for node in self.nodes for name in node.outputs if name}
        seen, done = {*self.outputs}, list[list[str]]()
        for node in reversed(self.nodes):
            used = {name for name in (*node.inputs, *node.outputs, *node.outer) if name}
            done.append([name for name in used if name in made and name not in seen])
            seen |= used
        return done[::-1]

    @cached_property
    def free(self) -> set[str]:
        """Names that are used here and made outside."""
        known, found = {*self.inputs, *self.constants}, set[str]()
        for node in self.nodes:
            found |= {name for name in (*node.inputs, *node.outer) if name and name not in known}
            known |= {*node.outputs}
        return found | ({*self.outputs} - known - {""})

    @cached_property
    def host_names(self) -> set[str]:
        """Names of values that only decide what is done: shapes, paddings, axes."""
        uses: dict[str, set[bool]] = {}
        for node in self.nodes:
            kinds = node.converter.is_host
            for i, name in enumerate(node.inputs):
                uses.setdefault(name, set()).add(kinds[min(i, len(kinds) - 1)])
        return {name for name, kinds in uses.items() if kinds == {True}}

    @cached_property
    def statistics(self) -> set[str]:
        """Names of running means and variances."""
        places = [(node, STATISTICS.get(node.op, ())) for node in self.nodes]
        return {node.inputs[i] for node, found in places for i in found}
