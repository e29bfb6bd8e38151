"""A function that keeps nothing for its gradients, and is done again when they are wanted.

It is recorded as any other; then its nodes give away what they keep. The first of them that a walk
comes to has the function done again, from the same inputs and the same states of the generators,
and all of them take what the nodes of that second time keep: these are the same, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from azuraforge.engine import autocast
from azuraforge.engine.grad import versions
from azuraforge.engine.grad.autograd import Node
from azuraforge.engine.grad.modes import collecting, enable_grad, is_grad_enabled
from azuraforge.engine.nn.module import Module
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, GradientError


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """What the function gives; its intermediate results are computed again in backward().

    The function has to do the same again: it is given the same inputs, autocast as it was and, with
    `preserve_rng_state`, the same random numbers. `use_reentrant` is PyTorch's and changes nothing.

    Raises: GradientError in backward() where it does other ops the second time, or an input has
            changed in place.
    Source: Chen et al. (2016), Training deep nets with sublinear memory cost.
    """
    if not is_grad_enabled():
        return function(*args, **kwargs)
    generators = _generators(function, args, kwargs) if preserve_rng_state else ()
    again = Again(function, args, kwargs, [_Bookmark(each) for each in generators])
    return again.first()


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """Functions one after the other, as `segments` checkpoints of about as many; the last is none.

    Raises: ConfigError for segments outside 1 to the number of functions.
    """
    each = list(functions)
    if not 1 <= segments <= len(each):
        raise ConfigError(f"segments is {segments}; allowed: 1 to {len(each)}, the functions")
    size = len(each) // segments
    for number in range(segments - 1):
        part = _chain(each[number * size : (number + 1) * size])
        input = checkpoint(part, input, preserve_rng_state=preserve_rng_state)
    return _chain(each[(segments - 1) * size :])(input)


class Again:
    """A call that can be made again, and the nodes that wait for it; one waits by keeping this."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        bookmarks: Sequence[_Bookmark],
    ) -> None:
        self._function, self._args, self._kwargs = function, args, kwargs
        self._bookmarks = bookmarks
        self._mode = autocast.current()
        self._time = versions.now[0]
        self._nodes: list[Node] = []

    def first(self) -> Any:
        for bookmark in self._bookmarks:
            tape.run(bookmark.mark, bookmark.generator)
        with collecting() as nodes:
            made = self._function(*self._args, **self._kwargs)
        self._nodes = nodes
        for node in nodes:
            node.kept = self
        return made

    def bring(self, node: Node) -> Any:
        """Do the call again and let all nodes keep what they need; what this one keeps."""
        self._check_inputs()
        nodes = self._second()
        if [n.name for n in nodes] != [n.name for n in self._nodes]:
            raise GradientError(
                f"checkpoint: done again, the function applied {len(nodes)} ops that are not the "
                f"{len(self._nodes)} of the first time; it must not depend on what has changed "
                "since"
            )
        for own, other in zip(self._nodes, nodes, strict=True):
            if own.kept is self:  # else used up already
                other.resolve()
                own.kept, own.time = other.kept, other.time
        self._nodes = []
        return node.kept

    def _second(self) -> list[Node]:
        for bookmark in self._bookmarks:
            tape.run(bookmark.back, bookmark.generator)
        with ExitStack() as stack:
            stack.enter_context(enable_grad())
            stack.enter_context(autocast.using(self._mode))
            nodes = stack.enter_context(collecting(alone=True))
            self._function(*self._args, **self._kwargs)
        for bookmark in self._bookmarks:
            tape.run(bookmark.forth, bookmark.generator)
        return nodes

    def _check_inputs(self) -> None:
        for x in (*self._args, *self._kwargs.values()):
            by = versions.changed_since(x.data, self._time) if isinstance(x, Tensor) else None
            if by is not None:
                raise GradientError(
                    f"backward: checkpoint kept an input of shape {x.shape} to compute from again, "
                    f"and {by} changed it in place since"
                )


class _Bookmark:
    """Where a generator was, to draw the same numbers again."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self._marked = self._left = generator.state

    def mark(self, generator: Generator) -> None:
        self._marked = generator.state

    def back(self, generator: Generator) -> None:
        self._left = generator.state
        generator.move_to(self._marked)

    def forth(self, generator: Generator) -> None:
        generator.move_to(self._left)


def _generators(
    function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
) -> list[Generator]:
    """The default generator, and those among the arguments and in the modules that are called."""
    given = [*args, *kwargs.values()]
    owner = getattr(function, "__self__", function)
    for _, module in owner.named_modules() if isinstance(owner, Module) else ():
        given += vars(module).values()
    found = {id(x): x for x in given if isinstance(x, Generator)}
    default = default_generator()
    return list({**found, id(default): default}.values())


def _chain(functions: Iterable[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        for function in functions:
            x = function(x)
        return x

    return call
