"""A module called with other tensors in the place of its parameters and buffers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azuraforge.engine.nn.module import Module
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

__all__: list[str] = []


def functional_call(
    module: Module, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: Any = None
) -> Any:
    """What the module gives with these tensors, by path, in the place of its own.

    Raises: ConfigError for a path the module does not have.
    """
    dicts = parameter_and_buffer_dicts
    given = dict(dicts) if isinstance(dicts, dict) else {k: v for d in dicts for k, v in d.items()}
    inputs = () if args is None else args if isinstance(args, tuple) else (args,)
    with _swapped(module, given):
        return module(*inputs, **(kwargs or {}))


@contextmanager
def _swapped(module: Module, given: dict[str, Tensor]) -> Iterator[None]:
    modules, found = dict(module.named_modules(remove_duplicate=False)), []
    for path, x in given.items():
        before, _, name = path.rpartition(".")
        owner = modules.get(before)
        table = next((t for t in _tables(owner) if name in t), None)
        if owner is None or table is None:
            raise ConfigError(
                f"functional_call: {path} is no parameter or buffer of {type(module).__name__}"
            )
        found.append((owner, table, name, x))
    own = [table[name] for _, table, name, _ in found]
    try:
        for owner, table, name, x in found:
            table[name] = owner.__dict__[name] = x
        yield
    finally:
        for (owner, table, name, _), x in zip(found, own, strict=True):
            table[name] = owner.__dict__[name] = x


def _tables(owner: Module | None) -> list[dict[str, Any]]:
    return [] if owner is None else [owner._parameters, owner._buffers]
