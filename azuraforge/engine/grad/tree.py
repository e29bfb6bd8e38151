"""Tensors in dicts, lists and tuples: taken out, and put back in the same places."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """What is no dict, list or tuple, in order."""
    if isinstance(tree, dict):
        return [leaf for value in tree.values() for leaf in leaves(value)]
    if isinstance(tree, list | tuple):
        return [leaf for value in tree for leaf in leaves(value)]
    return [tree]


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with function(leaf) for every leaf."""
    if isinstance(tree, dict):
        return {key: mapped(function, value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        values = [mapped(function, value) for value in tree]
        if hasattr(tree, "_fields"):  # a named tuple
            return type(tree)(*values)
        return values if isinstance(tree, list) else tuple(values)
    return function(tree)


def refilled(tree: Any, values: Iterable[Any]) -> Any:
    """The tree with these values for its leaves, in order."""
    rest = iter(values)
    return mapped(lambda _: next(rest), tree)
