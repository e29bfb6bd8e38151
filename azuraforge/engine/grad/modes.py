"""Whether ops leave a graph behind, and whether what they make is checked: per thread and task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from typing import Any, Self

_records: ContextVar[bool] = ContextVar("azuraforge_records", default=True)
_nodes: ContextVar[list[Any] | None] = ContextVar("azuraforge_nodes", default=None)
nodes_made = _nodes.get  # the list that nodes of the graph are written in, if there is one
_watch: ContextVar[Any] = ContextVar("azuraforge_watch", default=None)
watching = _watch.get  # what watches the ops (watch.py), if anything does


def is_grad_enabled() -> bool:
    """Whether ops on Tensors that need gradients are recorded."""
    return _records.get()


class _Recording(ContextDecorator):
    """Recording is on, or off, within a block or a function: `with no_grad():`, `@no_grad()`."""

    mode: bool

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        made = super().__new__(cls)
        made._tokens = []
        return made if function is None else made(function)

    def __init__(self) -> None:
        self._tokens: list[Token[bool]]

    def __enter__(self) -> None:
        self._tokens.append(_records.set(self.mode))

    def __exit__(self, *error: object) -> None:
        _records.reset(self._tokens.pop())

    def _recreate_cm(self) -> Self:  # so that a decorated function may call itself, in any thread
        return type(self)()


class no_grad(_Recording):  # noqa: N801  PyTorch's name
    """Within the block, ops leave no graph behind."""

    mode = False


class enable_grad(_Recording):  # noqa: N801  PyTorch's name
    """Within the block, ops are recorded again, inside a no_grad() too."""

    mode = True


class set_grad_enabled(ContextDecorator):  # noqa: N801  PyTorch's name
    """Switch recording on or off: from here on; in `with`, until the block ends; or in a function.

    As a decorator it leaves recording outside of the function as it was.
    """

    def __init__(self, mode: bool) -> None:
        self._mode = bool(mode)
        self._before = _records.get()
        _records.set(self._mode)

    def __call__(self, function: Callable[..., Any]) -> Any:
        _records.set(self._before)
        return super().__call__(function)

    def _recreate_cm(self) -> Self:
        return type(self)(self._mode)

    def __enter__(self) -> None:
        """Nothing is left to do: it was switched when this was made."""

    def __exit__(self, *error: object) -> None:
        _records.set(self._before)


class inference_mode(ContextDecorator):  # noqa: N801  PyTorch's name
    """As no_grad(), under PyTorch's other name; `mode` False changes nothing."""

    def __new__(cls, mode: Any = True) -> Any:
        made = super().__new__(cls)
        if callable(mode):  # @inference_mode
            made.__init__()  # type: ignore[misc]
            return made(mode)
        return made

    def __init__(self, mode: bool = True) -> None:
        self._mode = mode
        self._tokens: list[Token[bool]] = []

    def _recreate_cm(self) -> Self:
        return type(self)(self._mode)

    def __enter__(self) -> None:
        self._tokens.append(_records.set(_records.get() and not self._mode))

    def __exit__(self, *error: object) -> None:
        _records.reset(self._tokens.pop())


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Within the block, the first op that makes NaN or Inf raises NonFiniteError and is named.

    So is the line of the program that applied the op, for a gradient too.
    """
    from azuraforge.engine.grad.anomaly import Anomalies  # here: it builds on this module

    with watched_by(Anomalies()):
        yield


@contextmanager
def watched_by(watch: Any) -> Iterator[None]:
    """Within the block, a Watch (watch.py) is told of all that ops do."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


@contextmanager
def collecting(*, alone: bool = False) -> Iterator[list[Any]]:
    """Within the block, the nodes of the graph that are made, in order.

    A block around this one gets them too, unless this one is `alone`.
    """
    outer = _nodes.get()
    found: list[Any] = []
    token = _nodes.set(found)
    try:
        yield found
    finally:
        _nodes.reset(token)
    if outer is not None and not alone:
        outer += found
