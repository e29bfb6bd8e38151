"""What belongs to a module, and the ways through the tree of modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self, TypeVar

from azuraforge.engine.device import Array
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, NotFoundError

if TYPE_CHECKING:
    from azuraforge.engine.nn.module import Module

__all__: list[str] = []
T = TypeVar("T", bound=Tensor)


class Parameter(Tensor):
    """A tensor that a module trains."""

    def __init__(self, data: Array, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)


class Buffer(Tensor):
    """A tensor that belongs to a module's state and is not trained, such as a running mean."""

    def __init__(self, data: Array) -> None:
        super().__init__(data)


class Tree:
    """Parameters, buffers and modules set as attributes, by name, and those of modules below."""

    def __init__(self) -> None:
        self.training = True
        self._parameters: dict[str, Parameter] = {}
        self._buffers: dict[str, Buffer] = {}
        self._modules: dict[str, Module] = {}
        self._unsaved: set[str] = set()  # buffers that are no part of the state

    def __setattr__(self, name: str, value: Any) -> None:
        if "_modules" in self.__dict__:
            for owned in (self._parameters, self._buffers, self._modules):
                owned.pop(name, None)
        if isinstance(value, Parameter):
            self._parameters[name] = value
        elif isinstance(value, Buffer):
            self._buffers[name] = value
        elif isinstance(value, Tree):
            self._modules[name] = value  # type: ignore[assignment]
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        for owned in (self._parameters, self._buffers, self._modules):
            owned.pop(name, None)
        object.__delattr__(self, name)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Set an attribute that is a buffer, or, given None, empty; `self.name = Buffer(…)` too.

        One that is not persistent is no part of state_dict().
        """
        setattr(self, _plain(name), None if tensor is None else Buffer(tensor.data))
        (self._unsaved.discard if persistent else self._unsaved.add)(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Set an attribute that is a parameter, or, given None, empty."""
        setattr(self, _plain(name), param)

    def add_module(self, name: str, module: Module | None) -> None:
        """Set an attribute that is a module, or, given None, empty."""
        setattr(self, _plain(name), module)

    register_module = add_module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules right below this one, by name, each once."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules right below this one."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and every one below it, with dotted paths; each once, unless told."""
        seen: set[int] = set()
        for path, module in self._walk(prefix):
            if not remove_duplicate or id(module) not in seen:
                seen.add(id(module))
                yield path, module

    def modules(self) -> Iterator[Module]:
        """This module and every one below it."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its dotted path, each once, in the order they were set."""
        return self._named(lambda module: module._parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Buffer]]:
        """Every buffer with its dotted path, each once."""
        return self._named(lambda module: module._buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Buffer]:
        """Every buffer, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path. Raises: NotFoundError."""
        found: Any = self
        for name in target.split(".") if target else ():
            if name not in found._modules:
                raise NotFoundError(
                    f"{type(self).__name__} has no module {target!r}: {type(found).__name__} has "
                    f"{sorted(found._modules)}"
                )
            found = found._modules[name]
        module: Module = found
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path. Raises: NotFoundError."""
        return self._found(target, lambda module: module._parameters, "parameter")

    def get_buffer(self, target: str) -> Buffer:
        """The buffer at a dotted path. Raises: NotFoundError."""
        return self._found(target, lambda module: module._buffers, "buffer")

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call a function with every module, those below first."""
        for module in self.children():
            module.apply(fn)
        fn(self)  # type: ignore[arg-type]
        return self

    def _walk(self, prefix: str) -> Iterator[tuple[str, Module]]:
        yield prefix, self  # type: ignore[misc]
        for name, module in self._modules.items():
            yield from module._walk(f"{prefix}.{name}" if prefix else name)

    def _named(
        self, of: Callable[[Module], dict[str, T]], prefix: str, recurse: bool, once: bool
    ) -> Iterator[tuple[str, T]]:
        seen: set[int] = set()
        for path, module in self._walk(prefix):
            for name, tensor in of(module).items():
                if not once or id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield (f"{path}.{name}" if path else name), tensor
            if not recurse:
                return

    def _found(self, target: str, of: Callable[[Module], dict[str, T]], what: str) -> T:
        path, _, name = target.rpartition(".")
        table = of(self.get_submodule(path))
        if name not in table:
            raise NotFoundError(
                f"{type(self).__name__} has no {what} {target!r}; there it has {sorted(table)}"
            )
        return table[name]


def _plain(name: str) -> str:
    if not name or "." in name:
        raise ConfigError(f"name is {name!r}; allowed: a name without dots")
    return name
