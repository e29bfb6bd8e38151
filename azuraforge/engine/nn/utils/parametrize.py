"""Parameters made of others: a weight that is computed, whenever it is read, from what trains.

    register_parametrization(layer, "weight", Symmetric())
    layer.weight  # Symmetric()(layer.parametrizations.weight.original)

The layer gets a class of its own, in which the name is a property; its code stays as it is.
"""

from __future__ import annotations

from typing import Any, TypeVar

from azuraforge.engine.grad.modes import no_grad
from azuraforge.engine.nn.container import ModuleList
from azuraforge.engine.nn.module import Module, Parameter
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = [
    "ParametrizationList",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
]

M = TypeVar("M", bound=Module)


class ParametrizationList(ModuleList):
    """Modules that one after the other make a parameter of the original, or of several."""

    def __init__(self, first: Module, original: Parameter) -> None:
        super().__init__()
        back = getattr(first, "right_inverse", None)
        with no_grad():
            parts = original if back is None else back(original)
        self.is_several = isinstance(parts, tuple)
        if self.is_several:
            self.names = [f"original{i}" for i in range(len(parts))]
        else:
            self.names, parts = ["original"], (parts,)
        for name, part in zip(self.names, parts, strict=True):
            same = part is original
            setattr(self, name, original if same else Parameter(part.data, original.requires_grad))
        self.append(first)

    def forward(self) -> Tensor:
        first, *rest = self
        x = first(*(getattr(self, name) for name in self.names))
        for module in rest:
            x = module(x)
        return x  # type: ignore[no-any-return]


class Parametrizations(Module):
    """The lists of a module by the names of the parameters they make."""

    def __getitem__(self, name: str) -> ParametrizationList:
        found = self._modules[name]
        assert isinstance(found, ParametrizationList)
        return found


def register_parametrization(module: M, tensor_name: str, parametrization: Module) -> M:
    """Make a parameter of a module by another module, of what the parameter was until now.

    Where the other module has `right_inverse`, what trains is what that makes of the parameter; a
    tuple becomes several originals. More of them are applied one after the other.

    Raises: ConfigError for a name that is no parameter; ShapeError where the shape would change.
    """
    if is_parametrized(module, tensor_name):
        module.parametrizations[tensor_name].append(parametrization)  # type: ignore[attr-defined]
        return module
    parameter = module._parameters.get(tensor_name)
    if parameter is None:
        raise ConfigError(
            f"register_parametrization: {type(module).__name__} has no parameter {tensor_name!r}; "
            f"it has {sorted(module._parameters)}"
        )
    made = ParametrizationList(parametrization, parameter)
    with no_grad():
        shape = made().shape
    if shape != parameter.shape:
        raise ShapeError(
            f"register_parametrization: {tensor_name} is {parameter.shape}, "
            f"{type(parametrization).__name__} makes it {shape}; allowed: the same shape"
        )
    del module._parameters[tensor_name]
    del module.__dict__[tensor_name]
    if not is_parametrized(module):
        module.parametrizations = Parametrizations()
        _give_class(module)
    setattr(module.parametrizations, tensor_name, made)  # type: ignore[attr-defined]
    setattr(type(module), tensor_name, property(lambda self: self.parametrizations[tensor_name]()))
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a parameter, or any, is made of others."""
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, Parametrizations):
        return False
    return tensor_name is None or tensor_name in found._modules


def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """Make a parameter one of its own again: as it is now, or the original.

    Raises: ConfigError where it is not made of others, and for an original that is several.
    """
    if not is_parametrized(module, tensor_name):
        raise ConfigError(
            f"remove_parametrizations: {tensor_name!r} of {type(module).__name__} is not made of "
            "others"
        )
    parts: ParametrizationList = module.parametrizations[tensor_name]  # type: ignore[attr-defined]
    if parts.is_several and not leave_parametrized:
        raise ConfigError(
            f"remove_parametrizations: {tensor_name!r} has {len(parts.names)} originals; pass "
            "leave_parametrized=True"
        )
    first: Parameter = getattr(parts, parts.names[0])
    with no_grad():
        value = parts().data if leave_parametrized else first.data
    lists: dict[str, Any] = module.parametrizations._modules  # type: ignore[attr-defined]
    del lists[tensor_name]
    delattr(type(module), tensor_name)
    setattr(module, tensor_name, Parameter(value, first.requires_grad))
    if not lists:
        del module._modules["parametrizations"]
        del module.__dict__["parametrizations"]
        module.__class__ = type(module).__bases__[0]
    return module


def _give_class(module: Module) -> None:
    """A class that is the module's alone, for its properties."""
    own = type(module)
    module.__class__ = type(f"Parametrized{own.__name__}", (own,), {})
