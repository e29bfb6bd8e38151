"""Who watches ops: told of each op before it runs, of each gradient, of each module that is called.

`with watched_by(watch):` puts one in force; anomaly.py looks for NaN, trail.py writes down what a
step did. A step that is captured runs eagerly while it is watched.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any
from weakref import ref

from azuraforge.engine.device import Array
from azuraforge.engine.grad import versions
from azuraforge.engine.grad.modes import watching
from azuraforge.engine.ops.implementation import Implementation
from azuraforge.engine.ops.op import Op

if TYPE_CHECKING:
    from azuraforge.engine.grad.autograd import Node


class Watch:
    """Lets everything pass, and knows in which layer each op is applied."""

    def __init__(self) -> None:
        self._called: list[Any] = []  # the modules whose forward is on, the innermost last
        self._paths: dict[int, str] = {}
        self._known: dict[int, Any] = {}  # by the id of the array that owns the memory

    @property
    def layer(self) -> str | None:
        """The path of the module whose forward is on: "" is the model, None is outside of it."""
        return self._paths[id(self._called[-1])] if self._called else None

    def enter(self, module: Any) -> None:
        """A module is called. Paths begin at the outermost one."""
        if id(module) not in self._paths:
            self._paths |= {id(below): path for path, below in module.named_modules()}
        self._called.append(module)

    def leave(self) -> None:
        """The module that was called last has answered, or failed."""
        self._called.pop()

    def run(
        self, op: Op, inputs: Sequence[Any], arrays: Sequence[Any], bound: Any, how: Implementation
    ) -> Sequence[Array]:
        """Every output of the op, the kept ones included."""
        return op.run(arrays, bound, how)

    def looking(self) -> AbstractContextManager[None]:
        """In force while a node makes its gradients."""
        return nullcontext()

    def gradient(self, node: Node, place: int, g: Array) -> None:
        """A node has made the gradient of its operand at `place`."""

    def knows(self, array: Array) -> bool:
        """Whether `know` was told of the memory of this array."""
        return id(versions.owner(array)) in self._known

    def know(self, array: Array) -> None:
        """Remember the memory of an array for as long as it lives."""
        own = versions.owner(array)
        key = id(own)
        if key not in self._known:
            self._known[key] = ref(own, lambda _: self._known.pop(key, None))


def current() -> Watch | None:
    """The watch in force."""
    found: Watch | None = watching()
    return found
