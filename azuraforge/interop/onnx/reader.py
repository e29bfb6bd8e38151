"""Nodes with their converters, functions expanded, out of ONNX's protos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import defs, helper

from azuraforge.errors import ConfigError
from azuraforge.interop.onnx.block import Block, Node
from azuraforge.interop.onnx.converter import MAIN, TRAINING, Converter, find
from azuraforge.interop.onnx.values import Value, array_of, attribute


@dataclass
class Reader:
    """Makes blocks of protos, at the opsets of a model or of a function."""

    opsets: dict[str, int]
    folder: str = ""

    def __post_init__(self) -> None:
        self.functions: dict[tuple[str, str], Any] = {}
        self.opsets = {domain_of(domain): version for domain, version in self.opsets.items()}

    def initializers(self, graph: Any) -> dict[str, Any]:
        """The constant tensors of a graph by name."""
        dense = {each.name: array_of(each, self.folder) for each in graph.initializer}
        sparse = {each.values.name: array_of(each) for each in graph.sparse_initializer}
        return dense | sparse

    def graph(self, graph: Any) -> Block:
        """The block of a graph that is an attribute."""
        names = [x.name for x in graph.input], [y.name for y in graph.output]
        return self.block(graph.node, *names, self.initializers(graph))

    def block(
        self,
        nodes: Sequence[Any],
        inputs: Sequence[str],
        outputs: Sequence[str],
        constants: Mapping[str, Any] | None = None,
    ) -> Block:
        found: list[Node] = []
        for each in nodes:
            found.append(self.node(each, found))
        return Block(inputs, outputs, found, constants or {})

    def node(self, proto: Any, before: Sequence[Node]) -> Node:
        """A node with its converter, and what is done before it.

        Raises: ConfigError if there is no converter.
        """
        domain = domain_of(proto.domain)
        opset = self.opsets.get(domain, 1)
        graphs = {a.name: self.graph(a.g) for a in proto.attribute if a.type == a.GRAPH}
        attributes = {a.name: attribute(a) for a in proto.attribute if a.type != a.GRAPH}
        if (domain, proto.op_type) == (TRAINING, "Gradient"):
            graphs["_of"] = _between(before, attributes)
        how = self._converter(proto, domain, opset)
        if how.attributes is None:
            attributes, graphs = {}, {}  # they are in the function's body now
        elif unknown := sorted({*attributes, *graphs} - how.attributes):
            raise ConfigError(
                f"onnx: node {proto.name!r} ({proto.op_type}, opset {opset}) has the attribute "
                f"{', '.join(unknown)}; allowed: {', '.join(sorted(how.attributes)) or 'none'}"
            )
        return Node(
            proto.op_type, proto.name, opset, proto.input, proto.output, attributes, graphs, how
        )

    def _converter(self, proto: Any, domain: str, opset: int) -> Converter:
        """Ours, or one made of the body that the model or the standard gives the operator."""
        local = self.functions.get((proto.domain, proto.op_type))
        if local is not None:
            return self._expanded(local, proto)
        found = find(domain, proto.op_type, opset)
        if found is not None:
            return found
        try:
            schema = defs.get_schema(proto.op_type, opset, domain)
        except defs.SchemaError:
            schema = None
        if schema is not None and schema.has_function:
            return self._expanded(schema.function_body, proto, schema)
        if schema is not None and schema.has_context_dependent_function:
            return Converter(
                proto.op_type, 1, ByTypes(self, proto, schema), (False,), None, True, True
            )
        of_domain = f"{domain}." if domain else ""
        raise ConfigError(
            f"onnx: node {proto.name!r} is {of_domain}{proto.op_type} of opset {opset}, which "
            "azuraforge.interop.onnx cannot do and which has no body made of what it can"
        )

    def _expanded(self, function: Any, proto: Any, schema: Any = None) -> Converter:
        block = self.body(function, proto, schema)

        def run(*inputs: Value) -> tuple[Value, ...]:
            missing = [None] * (len(block.inputs) - len(inputs))
            return tuple(block.call({}, *inputs, *missing))

        return Converter(proto.op_type, 1, run, (False,), None, True, True)

    def body(self, function: Any, proto: Any, schema: Any = None) -> Block:
        """The nodes of a function with the attributes that a node calls it with."""
        given = {} if schema is None else _defaults(schema)
        given |= {each.name: each for each in (*function.attribute_proto, *proto.attribute)}
        opsets = {each.domain: each.version for each in function.opset_import}
        inner = Reader({**self.opsets, **opsets}, self.folder)
        inner.functions = self.functions
        nodes = [_with_attributes(node, given) for node in function.node]
        wanted = [
            name if i < len(proto.output) and proto.output[i] else ""
            for i, name in enumerate(function.output)
        ]
        return inner.block(nodes, function.input, wanted)


class ByTypes:
    """Does an operator by its body, which the standard gives once the inputs' types are known."""

    def __init__(self, reader: Reader, proto: Any, schema: Any) -> None:
        self._reader, self._proto, self._schema = reader, proto, schema
        self._blocks: dict[tuple[bytes, ...], Block] = {}

    def __call__(self, *inputs: Value) -> tuple[Value, ...]:
        types = tuple(_type_of(x) for x in inputs)
        if types not in self._blocks:
            node = self._proto.SerializeToString()
            text = self._schema.get_context_dependent_function(node, list(types))
            function = onnx.FunctionProto.FromString(text)
            self._blocks[types] = self._reader.body(function, self._proto, self._schema)
        block = self._blocks[types]
        missing = [None] * (len(block.inputs) - len(inputs))
        return tuple(block.call({}, *inputs, *missing))


def _between(nodes: Sequence[Node], attributes: Mapping[str, Any]) -> Block:
    """The nodes that make y of what a Gradient differentiates it with respect to, and holds."""
    given = [*attributes["xs"], *attributes.get("zs", [])]
    wanted, needed = {attributes["y"]} - {*given}, list[Node]()
    for node in reversed(nodes):
        if wanted & {*node.outputs}:
            needed.append(node)
            wanted |= {*node.inputs, *node.outer} - {*given}
    return Block(given, [attributes["y"]], needed[::-1])


def _type_of(value: Value) -> bytes:
    if value is None:
        return bytes(onnx.TypeProto().SerializeToString())
    if isinstance(value, list):
        inner = onnx.TypeProto.FromString(_type_of(value[0])) if value else onnx.TypeProto()
        return bytes(helper.make_sequence_type_proto(inner).SerializeToString())
    element = helper.np_dtype_to_tensor_dtype(value.dtype)
    return bytes(helper.make_tensor_type_proto(element, value.shape).SerializeToString())


def _defaults(schema: Any) -> dict[str, Any]:
    return {
        name: each.default_value
        for name, each in schema.attributes.items()
        if each.default_value.type != onnx.AttributeProto.UNDEFINED
    }


def _with_attributes(node: Any, given: Mapping[str, Any]) -> Any:
    """The node of a function's body with what its attributes refer to."""
    filled = onnx.NodeProto()
    filled.CopyFrom(node)
    del filled.attribute[:]
    for each in node.attribute:
        kept = onnx.AttributeProto()
        if not each.ref_attr_name:
            kept.CopyFrom(each)
            if each.type == each.GRAPH:
                inner = [_with_attributes(n, given) for n in each.g.node]
                del kept.g.node[:]
                kept.g.node.extend(inner)
        elif each.ref_attr_name in given:
            kept.CopyFrom(given[each.ref_attr_name])
            kept.name = each.name
        else:
            continue
        filled.attribute.append(kept)
    return filled


def domain_of(domain: str) -> str:
    """The standard operators' domain has two names."""
    return MAIN if domain == "ai.onnx" else domain
