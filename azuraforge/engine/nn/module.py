"""Module: parameters, buffers, sub-modules, and a forward function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from azuraforge.engine.device import Array, device_of, put
from azuraforge.engine.hooks import RemovableHandle
from azuraforge.engine.nn.hooks import ModuleHooks
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = ["Buffer", "Module", "Parameter"]


class Parameter(Tensor):
    """A tensor that a module trains."""

    def __init__(self, data: Array, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)


class Buffer(Tensor):
    """A tensor that belongs to a module's state and is not trained, such as a running mean."""

    def __init__(self, data: Array) -> None:
        super().__init__(data)


class Module:
    """A part of a model. Parameters, buffers and modules set as attributes belong to it."""

    _hooks: ModuleHooks | None = None  # made when the first hook comes

    def __init__(self) -> None:
        self.training = True
        self._parameters: dict[str, Parameter] = {}
        self._buffers: dict[str, Buffer] = {}
        self._modules: dict[str, Module] = {}

    def forward(self, *inputs: Any, **named: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}.forward is for a subclass to write")

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        if self._hooks is None:
            return self.forward(*inputs, **named)
        return self._hooks.call(self, inputs, named)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_modules" in self.__dict__:
            for owned in (self._parameters, self._buffers, self._modules):
                owned.pop(name, None)
        if isinstance(value, Parameter):
            self._parameters[name] = value
        elif isinstance(value, Buffer):
            self._buffers[name] = value
        elif isinstance(value, Module):
            self._modules[name] = value
        object.__setattr__(self, name, value)

    def register_buffer(self, name: str, tensor: Tensor | None) -> None:
        """Set an attribute that is a buffer, or, given None, empty; `self.name = Buffer(…)` too."""
        setattr(self, name, None if tensor is None else Buffer(tensor.data))

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; what it returns, if so, are other inputs.

        With `with_kwargs` it is `hook(module, args, kwargs)`, and returns both.
        """
        own = self._own_hooks()
        return own.add(own.before, hook, prepend=prepend, with_kwargs=with_kwargs)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; it may return another output.

        With `with_kwargs` it is `hook(module, args, kwargs, output)`; with `always_call` it is
        called after an error too, the output being None.
        """
        own = self._own_hooks()
        return own.add(
            own.after, hook, prepend=prepend, with_kwargs=with_kwargs, always_call=always_call
        )

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the gradients; it may return others."""
        own = self._own_hooks()
        return own.add(own.before_backward, hook, prepend=prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the positional inputs have gradients.

        What it returns, if so, takes the place of grad_input.
        """
        own = self._own_hooks()
        return own.add(own.after_backward, hook, prepend=prepend)

    def _own_hooks(self) -> ModuleHooks:
        if self._hooks is None:
            self._hooks = ModuleHooks()
        return self._hooks

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and every one below it, with dotted paths."""
        yield prefix, self
        for name, module in self._modules.items():
            yield from module.named_modules(f"{prefix}.{name}" if prefix else name)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its dotted path, each once, in the order they were set."""
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, parameter in module._parameters.items():
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield (f"{path}.{name}" if path else name), parameter

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def buffers(self) -> Iterator[Buffer]:
        """Every buffer."""
        return (buffer for _, module in self.named_modules() for buffer in module._buffers.values())

    def state_dict(self) -> dict[str, Array]:
        """The arrays of all parameters and buffers by path; not copies."""
        return {
            f"{path}.{name}" if path else name: tensor.data
            for path, module in self.named_modules()
            for name, tensor in (*module._parameters.items(), *module._buffers.items())
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put arrays (or tensors) into the parameters and buffers, all of them or none.

        Raises: ConfigError for missing and unexpected keys; ShapeError with the path.
        """
        own = self.state_dict()
        missing, unexpected = own.keys() - state.keys(), state.keys() - own.keys()
        if missing or unexpected:
            raise ConfigError(
                f"load_state_dict: missing {sorted(missing)}, unexpected {sorted(unexpected)}; "
                f"this {type(self).__name__} has {sorted(own)}"
            )
        arrays = {
            path: value.data if isinstance(value, Tensor) else np.asarray(value)
            for path, value in state.items()
        }
        for path, array in arrays.items():
            if array.shape != own[path].shape:
                raise ShapeError(
                    f"load_state_dict: {path} is {array.shape}, this model has {own[path].shape}"
                )
        for path, array in own.items():
            array[...] = put(arrays[path], device_of(array))

    def train(self, mode: bool = True) -> Self:
        """Switch dropout and the like on."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch dropout and the like off."""
        return self.train(False)

    def to(self, target: Any) -> Self:
        """Move parameters and buffers to a device, or turn them into an element type, in place.

        Whole numbers, such as a count, keep their type.
        """
        for tensor in (*self.parameters(), *self.buffers()):
            if tensor.dtype.kind == "f" or target in ("cpu", "cuda"):
                moved = Tensor(tensor.data).to(target)
                tensor.data, tensor.grad = moved.data, None
        return self

    def double(self) -> Self:
        """Every parameter and floating buffer as float64."""
        return self.to("float64")

    def extra_repr(self) -> str:
        """The settings, for __repr__."""
        return ""

    def __repr__(self) -> str:
        if not self._modules:
            return f"{type(self).__name__}({self.extra_repr()})"
        inner = "".join(
            f"  ({name}): {module!r}".replace("\n", "\n  ") + "\n"
            for name, module in self._modules.items()
        )
        return f"{type(self).__name__}(\n{inner})"


def placed(module: Module, device: str | None, dtype: Any) -> None:
    """Bring what a constructor made to the device and element type that it was asked for."""
    for target in (device, dtype):
        if target is not None:
            module.to(target)
