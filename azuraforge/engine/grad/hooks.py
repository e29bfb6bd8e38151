"""Functions that users hang on tensors and modules, and the handles that take them away.

A hook is run as the rest of a step is: a captured step replays the ops that it applied, and not
its Python. Where hooks that are there before the step come or go, the step is recorded anew.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Self
from weakref import ref

from azuraforge.engine.replay import tape
from azuraforge.errors import GradientError

if TYPE_CHECKING:
    from azuraforge.engine.tensor import Tensor

Hooks = dict[Any, Callable[..., Any]]
LAST = "last"  # the key of a hook that is to run after all others

changes = [0]  # how often hooks came and went that outlive a step; part of what a capture goes by
_ids = count()


class RemovableHandle:
    """Takes a hook away: by remove(), or at the end of a `with`."""

    def __init__(self, hooks: Hooks, *, outlives: bool) -> None:
        self._hooks = hooks
        self._outlives = outlives
        self.id = next(_ids)

    def remove(self) -> None:
        """Take the hook away, if that was not done before."""
        if self._hooks.pop(self.id, None) is not None and self._outlives:
            _note_change()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def add(
    hooks: Hooks, hook: Callable[..., Any], *, outlives: bool, prepend: bool = False
) -> RemovableHandle:
    """Put a hook after those that are there, or before them.

    `outlives` says that what it hangs on is not made anew by every step.
    """
    handle = RemovableHandle(hooks, outlives=outlives)
    others = dict(hooks)
    hooks.clear()
    if prepend:
        hooks[handle.id] = hook
    last = others.pop(LAST, None)
    hooks.update(others)
    hooks[handle.id] = hook
    if last is not None:
        hooks[LAST] = last
    if outlives:
        _note_change()
    return handle


def on_tensor(x: Tensor, hook: Callable[..., Any]) -> RemovableHandle:
    """Run `hook` on the gradient of `x` when it is complete; what it gives takes its place."""
    return add(_hooks_of(x, "register_hook"), hook, outlives=x.node is None)


def retain(x: Tensor) -> None:
    """Let backward() write the gradient of `x` into `x.grad`, though it is no leaf."""
    hooks = _hooks_of(x, "retain_grad")
    if x.node is None or LAST in hooks:
        return
    seen = ref(x)  # the graph must not hold the tensor, which holds the graph

    def write(g: Tensor) -> None:
        found = seen()
        if found is None:
            return
        found.grad = g if found.grad is None else found.grad + g
        step = tape.current()
        if step is not None:
            step.gives(found, found.grad)

    hooks[LAST] = write


def is_retained(x: Tensor) -> bool:
    """Whether `retain` was called."""
    return x.node is not None and LAST in (x.node.hooks or {}).get(x.place, ())


def _hooks_of(x: Tensor, who: str) -> Hooks:
    if not x.requires_grad:
        raise GradientError(f"{who}: this tensor needs no gradient, so none will come to it")
    owner = x if x.node is None else x.node
    if owner.hooks is None:
        owner.hooks = {}
    return owner.hooks.setdefault(x.place, {})


def _note_change() -> None:
    changes[0] += 1
    step = tape.current()
    if step is not None:
        step.refuse("it adds or removes a hook of a module, or of a tensor made before it")
