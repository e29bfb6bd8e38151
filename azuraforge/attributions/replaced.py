"""Gradients of a model in which some modules have another gradient than their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from azuraforge.engine.grad.custom import Function
from azuraforge.engine.nn import Module
from azuraforge.engine.tensor import Tensor

Kinds = tuple[type[Module], ...]
Backward = Callable[[Tensor], Tensor]  # the gradient of y -> that of x
Rule = Callable[[Module, Tensor, Tensor], Backward]  # of a call that made y of x


class _Replaced(Function):
    """An output with a gradient of another making."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, back: Backward) -> Tensor:
        ctx.back = back
        return Tensor(y.data)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (g,) = gradients
        return ctx.back(g), None, None


@contextmanager
def replaced_gradients(model: Module, kinds: Kinds, rule: Rule) -> Iterator[None]:
    """Within the block, every call of a module of these kinds has the gradient that `rule` says."""

    def replace(module: Module, x: Tensor, y: Tensor) -> Any:
        return _Replaced.apply(x, y.detach(), rule(module, x.detach(), y.detach()))

    with hooked(model, kinds, replace):
        yield


@contextmanager
def hooked(
    model: Module, kinds: Kinds, hook: Callable[[Module, Tensor, Tensor], Any]
) -> Iterator[None]:
    """Within the block, `hook(module, x, y)` sees every call of a module of these kinds.

    What it returns, if so, takes the place of y.
    """
    modules = dict.fromkeys(m for _, m in model.named_modules() if isinstance(m, kinds))

    def call(module: Module, given: tuple[Any, ...], y: Any) -> Any:
        return hook(module, given[0], y) if isinstance(y, Tensor) else None  # else with indices

    handles = [module.register_forward_hook(call) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
