"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from azuraforge.engine.nn.module import Module


class Sequential(Module):
    """Modules applied one after the other; their names are their numbers."""

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for i, module in enumerate(modules):
            self._modules[str(i)] = module

    def forward(self, x: Any) -> Any:
        for module in self._modules.values():
            x = module(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, i: int) -> Module:
        return list(self._modules.values())[i]
