"""The hooks of a module: before and after its forward function, and around its gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from azuraforge.engine.grad import hooks
from azuraforge.engine.grad.custom import Function
from azuraforge.engine.grad.hooks import Hooks, RemovableHandle
from azuraforge.engine.grad.modes import is_grad_enabled
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import GradientError

if TYPE_CHECKING:
    from azuraforge.engine.nn.module import Module

__all__: list[str] = []
Call = tuple[tuple[Any, ...], dict[str, Any]]


class ModuleHooks:
    """The hooks of one module, by the moment at which they run."""

    def __init__(self) -> None:
        self.before: Hooks = {}  # these two take keyword arguments if their `takes_named` says so
        self.after: Hooks = {}
        self.before_backward: Hooks = {}
        self.after_backward: Hooks = {}
        self.takes_named: set[int] = set()
        self.always: set[int] = set()

    def add(
        self,
        to: Hooks,
        hook: Callable[..., Any],
        *,
        prepend: bool,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        handle = hooks.add(to, hook, outlives=True, prepend=prepend)
        if with_kwargs:
            self.takes_named.add(handle.id)
        if always_call:
            self.always.add(handle.id)
        return handle

    def call(self, module: Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The module's forward, with all that is to happen around it."""
        if not self.always:
            return self._call(module, inputs, named, set())
        ran: set[int] = set()
        try:
            return self._call(module, inputs, named, ran)
        except Exception:
            for key in [key for key in self.always if key not in ran and key in self.after]:
                self._run_after(key, module, inputs, named, None)
            raise

    def _call(
        self, module: Module, inputs: tuple[Any, ...], named: dict[str, Any], ran: set[int]
    ) -> Any:
        inputs, named = self._prepared(module, inputs, named)
        backward = None
        if (self.before_backward or self.after_backward) and is_grad_enabled():
            backward = _Backward(module, self)
            inputs = backward.enter(inputs)
        output = module.forward(*inputs, **named)
        for key in list(self.after):
            ran.add(key)
            given = self._run_after(key, module, inputs, named, output)
            output = output if given is None else given
        return output if backward is None else backward.leave(output)

    def _prepared(self, module: Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> Call:
        for key, hook in list(self.before.items()):
            if key in self.takes_named:
                given = hook(module, inputs, named)
                inputs, named = (inputs, named) if given is None else given
            else:
                given = hook(module, inputs)
                if given is not None:
                    inputs = given if isinstance(given, tuple) else (given,)
        return inputs, named

    def _run_after(
        self, key: int, module: Module, inputs: Any, named: dict[str, Any], output: Any
    ) -> Any:
        hook = self.after[key]
        if key in self.takes_named:
            return hook(module, inputs, named, output)
        return hook(module, inputs, output)


class _Border(Function):
    """Tensors as they are, while a function sees all of their gradients together."""

    @staticmethod
    def forward(ctx: Any, seen: Callable[..., Any], *xs: Tensor) -> tuple[Tensor, ...]:
        ctx.seen = seen
        ctx.set_materialize_grads(False)
        return xs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        given = ctx.seen(gradients)
        return (None, *(gradients if given is None else given))


class _Backward:
    """One call of a module whose gradients hooks look at."""

    def __init__(self, module: Module, own: ModuleHooks) -> None:
        self._module = module
        self._own = own
        self._outer: tuple[Tensor | None, ...] = ()
        self._places: list[int] = []
        self._count = 0

    def enter(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The positional inputs, those that need a gradient past the border."""
        self._count = len(inputs)
        found = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
        self._places = found
        if not found or not self._own.after_backward:
            return inputs
        passed = list(inputs)
        through = _Border.apply(self._inner, *(inputs[i] for i in found))
        for i, x in zip(found, through, strict=True):
            passed[i] = x
        return tuple(passed)

    def leave(self, output: Any) -> Any:
        several = output if isinstance(output, tuple | list) else (output,)
        places = [i for i, y in enumerate(several) if isinstance(y, Tensor)]
        if not any(several[i].requires_grad for i in places):
            return output
        through = _Border.apply(self._arrived, *(several[i] for i in places))
        passed = list(several)
        for i, y in zip(places, through, strict=True):
            passed[i] = y
        return type(output)(passed) if isinstance(output, tuple | list) else passed[0]

    def _arrived(self, outer: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        for hook in list(self._own.before_backward.values()):
            given = hook(self._module, outer)
            if given is not None:
                outer = self._as_many(given, outer, "full_backward_pre")
        self._outer = outer
        if not self._places:  # no input has a gradient to wait for
            self._inner(())
        return outer

    def _inner(self, inner: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        every: list[Tensor | None] = [None] * self._count
        for i, g in zip(self._places, inner, strict=True):
            every[i] = g
        found = tuple(every)
        for hook in list(self._own.after_backward.values()):
            given = hook(self._module, found, self._outer)
            if given is not None:
                found = self._as_many(given, found, "full_backward")
        return tuple(found[i] for i in self._places)

    def _as_many(self, given: Any, instead: tuple[Any, ...], kind: str) -> tuple[Any, ...]:
        several = given if isinstance(given, tuple | list) else (given,)
        if len(several) != len(instead):
            raise GradientError(
                f"{type(self._module).__name__}: a {kind}_hook gave {len(several)} gradients, "
                f"there are {len(instead)}"
            )
        return tuple(several)
