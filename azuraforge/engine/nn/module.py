"""Module: a forward function, hooks around it, and the state of all that belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from azuraforge.engine.device import Array, device_of, put
from azuraforge.engine.grad.hooks import RemovableHandle
from azuraforge.engine.grad.modes import watching
from azuraforge.engine.nn.hooks import ModuleHooks
from azuraforge.engine.nn.location import locate
from azuraforge.engine.nn.tree import Buffer, Parameter, Tree
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import AzuraForgeError, ConfigError, ShapeError

__all__ = ["Buffer", "Module", "Parameter"]


class Unmatched(NamedTuple):
    """The keys of a state that nothing was found for, on either side."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module(Tree):
    """A part of a model. Parameters, buffers and modules set as attributes belong to it."""

    _hooks: ModuleHooks | None = None  # made when the first hook comes

    def forward(self, *inputs: Any, **named: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}.forward is for a subclass to write")

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        watch = watching()
        if watch is not None:
            watch.enter(self)
        try:
            if self._hooks is None:
                return self.forward(*inputs, **named)
            return self._hooks.call(self, inputs, named)
        except AzuraForgeError as error:
            locate(error, self)
            raise
        finally:
            if watch is not None:
                watch.leave()

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

    def state_dict(self, prefix: str = "") -> dict[str, Array]:
        """The arrays of all parameters and buffers by path; not copies."""
        return {
            f"{prefix}{path}.{name}" if path else f"{prefix}{name}": tensor.data
            for path, module in self.named_modules(remove_duplicate=False)
            for name, tensor in (*module._parameters.items(), *module._buffers.items())
            if name not in module._unsaved
        }

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Unmatched:
        """Put arrays (or tensors) into the parameters and buffers, all of them or none.

        The keys that are missing and those that nothing is for; with `strict` neither may be.

        Raises: ConfigError for missing and unexpected keys; ShapeError with the path.
        """
        own = self.state_dict()
        missing, unexpected = own.keys() - state_dict.keys(), state_dict.keys() - own.keys()
        if strict and (missing or unexpected):
            raise ConfigError(
                f"load_state_dict: missing {sorted(missing)}, unexpected {sorted(unexpected)}; "
                f"this {type(self).__name__} has {sorted(own)}"
            )
        arrays = {
            path: value.data if isinstance(value, Tensor) else np.asarray(value)
            for path, value in state_dict.items()
            if path in own
        }
        for path, array in arrays.items():
            if array.shape != own[path].shape:
                raise ShapeError(
                    f"load_state_dict: {path} is {array.shape}, this model has {own[path].shape}"
                )
        for path, array in arrays.items():
            own[path][...] = put(array, device_of(own[path]))
        return Unmatched(sorted(missing), sorted(unexpected))

    def train(self, mode: bool = True) -> Self:
        """Switch dropout and the like on."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch dropout and the like off."""
        return self.train(False)

    def to(self, *targets: Any, device: str | None = None, dtype: Any = None) -> Self:
        """Move parameters and buffers to a device, or turn them into an element type, in place.

        Whole numbers, such as a count, keep their type.
        """
        for target in (*targets, device, dtype):
            if target is not None:
                self._become(target)
        return self

    def _become(self, target: Any) -> None:
        for tensor in (*self.parameters(), *self.buffers()):
            if tensor.dtype.kind == "f" or target in ("cpu", "cuda"):
                moved = Tensor(tensor.data).to(target)
                tensor.data, tensor.grad = moved.data, None

    def double(self) -> Self:
        """Every parameter and floating buffer as float64."""
        return self.to("float64")

    def float(self) -> Self:
        """Every floating parameter and buffer as float32."""
        return self.to("float32")

    def half(self) -> Self:
        """Every floating parameter and buffer as float16."""
        return self.to("float16")

    def type(self, dst_type: Any) -> Self:
        """Every floating parameter and buffer of an element type."""
        return self.to(dst_type)

    def cpu(self) -> Self:
        """Every parameter and buffer on the CPU."""
        return self.to("cpu")

    def cuda(self) -> Self:
        """Every parameter and buffer on the GPU. Raises: DeviceError where there is none."""
        return self.to("cuda")

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether gradients are collected for the parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Take the gradients of all parameters away, or make them 0."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad.data[...] = 0

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
