"""The signature of an op, and how the functions of its declaration are wired to it by name."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from types import MappingProxyType
from typing import Any

REQUIRED = inspect.Parameter.empty  # the default of an attribute that has none
Row = tuple[str, ...]


@dataclass(frozen=True)
class Signature:
    """What "name(a, b, *, axis=None) -> y, _kept" says; "name(*xs, axis=0)" is variadic."""

    name: str
    inputs: Row
    defaults: Mapping[str, Any]  # of the attributes, in their order
    outputs: Row
    is_variadic: bool

    @classmethod
    def parse(cls, text: str) -> Signature:
        call, _, results = text.partition("->")
        function = ast.parse(f"def {call.strip()}: ...").body[0]
        assert isinstance(function, ast.FunctionDef)
        arguments = function.args
        defaults = {
            attribute.arg: REQUIRED if default is None else ast.literal_eval(default)
            for attribute, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        }
        many = arguments.vararg
        inputs = (many.arg,) if many else tuple(argument.arg for argument in arguments.args)
        outputs = tuple(output.strip() for output in results.split(","))
        return cls(function.name, inputs, MappingProxyType(defaults), outputs, many is not None)

    @property
    def attributes(self) -> Row:
        return tuple(self.defaults)

    @property
    def returned(self) -> int:
        """How many outputs the caller gets; the rest are kept for the gradients."""
        return sum(not name.startswith("_") for name in self.outputs)

    @property
    def gradients(self) -> Row:
        """The names under which the gradients of the returned outputs arrive."""
        return ("g", *(f"g_{name}" for name in self.outputs[1 : self.returned]))

    @property
    def shapes(self) -> Row:
        return tuple(f"{name}_shape" for name in (*self.inputs, *self.outputs))


class Wired:
    """A function that finds its arguments in a row of values, by the names of its parameters."""

    __slots__ = ("function", "pick", "wants")

    def __init__(self, function: Callable[..., Any], row: Row, wants: Row | None = None) -> None:
        self.function = function
        self.wants = parameters(function) if wants is None else wants
        self.pick = picker(self.wants, row)


def parameters(function: Callable[..., Any]) -> Row:
    """The names of a function's parameters, but for the array module `xp`."""
    return tuple(name for name in inspect.signature(function).parameters if name != "xp")


def picker(wants: Row, row: Row) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """A function that takes the wanted values out of a row of values.

    Raises: TypeError for a name that is not in the row.
    """
    unknown = [name for name in wants if name not in row]
    if unknown:
        raise TypeError(f"unknown names {unknown}; allowed here: {', '.join(row)}")
    places = [row.index(name) for name in wants]
    if not places:
        return lambda values: ()
    if len(places) == 1:
        (only,) = places
        return lambda values: (values[only],)
    return itemgetter(*places)
