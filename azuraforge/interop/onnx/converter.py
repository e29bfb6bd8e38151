"""Converters: for an ONNX operator, a function of Tensors that does it.

A converter's parameters are the operator's inputs, None where absent; its keywords are the
operator's attributes:

    @converter("Gemm", since=7)
    def gemm(a, b, c=None, *, alpha=1.0, beta=1.0, transA=0, transB=0): …

Inputs named by `host` arrive as NumPy arrays: numbers that decide shapes. An attribute that holds a
graph is a function of that graph's inputs. The keyword `_outputs`, where there is one, is the
number of outputs that are wanted.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
MAIN = ""  # the domain of the standard operators
TRAINING = "ai.onnx.preview.training"


@dataclass(frozen=True)
class Converter:
    """How an operator is done from one opset on, until a later converter of it."""

    op: str
    since: int
    function: Callable[..., Any]
    is_host: tuple[bool, ...]  # of each input; the last one stands for all further ones
    attributes: frozenset[str] | None  # None: whatever there is
    is_random: bool = False
    takes_any: bool = False  # element types that the engine has no ops for, too

    @property
    def counts_outputs(self) -> bool:
        return self.attributes is not None and "_outputs" in self.attributes


CONVERTERS: dict[tuple[str, str], list[Converter]] = {}  # filled at import, the latest opset first


def converter(
    *ops: str,
    since: int = 1,
    host: str = "",
    is_random: bool = False,
    takes_any: bool = False,
    domain: str = MAIN,
) -> Callable[[F], F]:
    """Make a function the converter of operators from an opset on.

    Element types that the engine has no ops for, such as bfloat16, are widened to float32 for it
    and the results narrowed again, unless it `takes_any`.
    """

    def declare(function: F) -> F:
        parameters = inspect.signature(function).parameters.values()
        inputs = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
        keywords = frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        is_host = tuple(name in host.split() for name in inputs)
        for op in ops:
            versions = CONVERTERS.setdefault((domain, op), [])
            each = Converter(op, since, function, is_host, keywords, is_random, takes_any)
            versions.append(each)
            versions.sort(key=lambda each: -each.since)
        return function

    return declare


def convert(since: int = 1, **functions: Callable[..., Any]) -> None:
    """Make functions without attributes the converters of the operators that they are named for."""
    for op, function in functions.items():
        is_host = (False,)
        versions = CONVERTERS.setdefault((MAIN, op), [])
        versions.append(Converter(op, since, function, is_host, frozenset()))
        versions.sort(key=lambda each: -each.since)


def find(domain: str, op: str, opset: int) -> Converter | None:
    """The converter of an operator at an opset, if there is one."""
    for each in CONVERTERS.get((domain, op), []):
        if each.since <= opset:
            return each
    return None
