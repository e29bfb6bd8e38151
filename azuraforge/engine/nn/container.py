"""Modules made of modules, and modules that hold parameters, in rows and by key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, cast, overload

from azuraforge.engine.nn.module import Module, Parameter
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, NotFoundError

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


class Row(Module):
    """What lists share: things by number, which are their names."""

    def _held(self) -> list[Any]:
        raise NotImplementedError

    def _hold(self, things: Iterable[Any]) -> None:
        """Begin anew with these."""
        for number in range(len(self._held())):
            delattr(self, str(number))
        for number, thing in enumerate(things):
            setattr(self, str(number), self._taken(thing))

    def _taken(self, thing: Any) -> Any:
        return thing

    def append(self, thing: Any) -> Self:
        """Add one at the end."""
        setattr(self, str(len(self)), self._taken(thing))
        return self

    def extend(self, things: Iterable[Any]) -> Self:
        """Add several at the end."""
        for thing in list(things):
            self.append(thing)
        return self

    def insert(self, index: int, thing: Any) -> None:
        """Add one before the place `index`."""
        held = self._held()
        held.insert(index, thing)
        self._hold(held)

    def pop(self, index: int = -1) -> Any:
        """Take one out."""
        held = self._held()
        found = held.pop(index)
        self._hold(held)
        return found

    def __iter__(self) -> Iterator[Any]:
        return iter(self._held())

    def __len__(self) -> int:
        return len(self._held())

    def __contains__(self, thing: object) -> bool:
        return any(thing is own for own in self._held())

    def __getitem__(self, i: Any) -> Any:
        held = self._held()
        if isinstance(i, slice):
            return type(self)(held[i])  # type: ignore[call-arg]
        try:
            return held[i]
        except IndexError:
            raise NotFoundError(f"{type(self).__name__}: {i}; there are {len(held)}") from None

    def __setitem__(self, i: int, thing: Any) -> None:
        held = self._held()
        held[i] = thing
        self._hold(held)

    def __delitem__(self, i: Any) -> None:
        held = self._held()
        del held[i]
        self._hold(held)


class ModuleList(Row):
    """Modules in a row, to be called one by one; their names are their numbers."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def _held(self) -> list[Module]:
        return list(self._modules.values())

    def _taken(self, thing: Any) -> Module:
        return _module(self, thing)

    @overload
    def __getitem__(self, i: int) -> Module: ...
    @overload
    def __getitem__(self, i: slice) -> Self: ...
    def __getitem__(self, i: int | slice) -> Module | Self:
        return cast("Module | Self", super().__getitem__(i))

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())


class Sequential(ModuleList):
    """Modules applied one after the other; their names are their numbers, or those of a dict."""

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            super().__init__()
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            super().__init__(modules)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input

    @overload
    def __getitem__(self, i: int) -> Module: ...
    @overload
    def __getitem__(self, i: slice) -> Self: ...
    def __getitem__(self, i: int | slice) -> Module | Self:
        if isinstance(i, slice):
            return type(self)(dict(list(self._modules.items())[i]))
        return super().__getitem__(i)


class ParameterList(Row):
    """Parameters in a row; their names are their numbers. Plain tensors become parameters."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    def _held(self) -> list[Parameter]:
        return list(self._parameters.values())

    def _taken(self, thing: Any) -> Parameter:
        return _parameter(self, thing)


class Table(Module):
    """What dicts share: things by key, which are their names."""

    def _table(self) -> dict[str, Any]:
        raise NotImplementedError

    def _taken(self, thing: Any) -> Any:
        raise NotImplementedError

    def update(self, things: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add those of a mapping, or pairs."""
        for key, thing in dict(things).items():
            self[key] = thing

    def pop(self, key: str) -> Any:
        """Take one out."""
        found = self[key]
        del self[key]
        return found

    def clear(self) -> None:
        """Take all out."""
        for key in list(self):
            del self[key]

    def keys(self) -> Iterable[str]:
        return self._table().keys()

    def values(self) -> Iterable[Any]:
        return self._table().values()

    def items(self) -> Iterable[tuple[str, Any]]:
        return self._table().items()

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())

    def __contains__(self, key: object) -> bool:
        return key in self._table()

    def __getitem__(self, key: str) -> Any:
        if key not in self._table():
            raise NotFoundError(
                f"{type(self).__name__}: {key!r}; there are {sorted(self._table())}"
            )
        return self._table()[key]

    def __setitem__(self, key: str, thing: Any) -> None:
        if hasattr(type(self), key) or (hasattr(self, key) and key not in self._table()):
            raise ConfigError(f"{type(self).__name__}: {key!r} is a name of its own; use another")
        setattr(self, key, self._taken(thing))

    def __delitem__(self, key: str) -> None:
        self[key]
        delattr(self, key)


class ModuleDict(Table):
    """Modules by key."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def _table(self) -> dict[str, Any]:
        return self._modules

    def _taken(self, thing: Any) -> Module:
        return _module(self, thing)


class ParameterDict(Table):
    """Parameters by key. Plain tensors become parameters."""

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        super().__init__()
        self.update(parameters)

    def _table(self) -> dict[str, Any]:
        return self._parameters

    def _taken(self, thing: Any) -> Parameter:
        return _parameter(self, thing)


def _module(owner: Module, thing: Any) -> Module:
    if not isinstance(thing, Module):
        raise ConfigError(f"{type(owner).__name__}: {thing!r} is no Module")
    return thing


def _parameter(owner: Module, thing: Any) -> Parameter:
    if not isinstance(thing, Tensor):
        raise ConfigError(f"{type(owner).__name__}: {thing!r} is no Parameter and no Tensor")
    return thing if isinstance(thing, Parameter) else Parameter(thing.data)
