"""What a training step does, written down while it happens, as calls that can be made again.

While a Tape is in force, whoever changes arrays notes how: an op its forward on its very buffers, a
kernel its compiled calls, a gradient, an optimizer. Arrays made along the way stay where they are,
so the calls, made again in order, do the step again on whatever the first arrays then hold.

What such a call fills before any call reads it comes from `empty`: a tape may let it share memory
(plan.py). Everything else that is made along the way is taken for a constant of the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import numpy as np

from azuraforge.engine.device import Array, may_share_memory, module_of
from azuraforge.engine.grad import versions
from azuraforge.engine.replay.constants import Constants

_tape: ContextVar[Tape | None] = ContextVar("azuraforge_tape", default=None)


class Tape:
    """The calls of one step, what they change that outlives it, and why it cannot be repeated."""

    def __init__(self, constants: Constants | None = None) -> None:
        self.constants = constants  # what is made of these is made once; None: all may change
        self.calls: list[Callable[[], Any]] = []
        self.kept: list[Any] = []  # arrays that calls know by address alone
        self.states: list[Any] = []  # optimizers and generators the step moves on
        self.arrays: list[Array] = []  # arrays the step changes in place: parameters, statistics
        self.leaves: list[tuple[Any, Any]] = []  # tensors, and the gradients the step gives them
        self.made: set[int] = set()  # the ids of arrays that own memory of the step's own
        self.refusal: str | None = None

    def note(self, function: Callable[..., Any], *args: Any) -> None:
        """Note a call that has just been made."""
        self.calls.append(partial(function, *args))

    def keep(self, *arrays: Array | None) -> None:
        """Hold arrays that calls know by their addresses."""
        self.kept += arrays

    def empty(self, shape: Sequence[int], dtype: Any) -> Array:
        """Memory that calls fill before they read it."""
        array = np.empty(shape, dtype)
        self.made.add(id(array))
        return array

    def has_made(self, array: Array) -> bool:
        """Whether the memory of an array is of the step's own making."""
        return id(versions.owner(array)) in self.made

    def changes(self, state: Any, *arrays: Array) -> None:
        """Note that the step moves `state` on (state_dict, load_state_dict) and changes arrays."""
        if not any(state is known for known in self.states):
            self.states.append(state)
        self.rewrites(*arrays)

    def rewrites(self, *arrays: Array) -> None:
        """Note that the step changes arrays that outlive it, and that no state holds."""
        self.arrays += [a for a in arrays if not any(a is known for known in self.arrays)]

    def overwrites(self, array: Array) -> None:
        """Note that the step changes an array in place that no call of it made."""
        self.rewrites(array)

    def meets(self, leaf: Any) -> None:
        """Note that a gradient comes to a leaf."""

    def gives(self, leaf: Any, grad: Any) -> None:
        """Note that the step makes this gradient of a tensor."""
        self.leaves.append((leaf, grad))

    def refuse(self, why: str) -> None:
        """The step does something that calls on arrays cannot repeat."""
        self.refusal = self.refusal or why

    def replay(self) -> None:
        """Do the step again."""
        with np.errstate(all="ignore"):
            for call in self.calls:
                call()
        for leaf, grad in self.leaves:
            leaf.grad = grad


def current() -> Tape | None:
    """The tape in force, if there is one."""
    return _tape.get()


@contextmanager
def recording(tape: Tape | None) -> Iterator[Tape | None]:
    """Within the block, `tape` is in force; None: nothing is noted."""
    token = _tape.set(tape)
    try:
        yield tape
    finally:
        _tape.reset(token)


def run(function: Callable[..., Any], *args: Any) -> None:
    """Call a function whose whole effect is on the arrays it is given, and note the call."""
    function(*args)
    tape = _tape.get()
    if tape is not None:
        tape.note(function, *args)


def whole(function: Callable[..., Any], *args: Any) -> None:
    """Call a function as `run` does; what it calls is not noted by itself."""
    with recording(None):
        function(*args)
    tape = _tape.get()
    if tape is not None:
        tape.note(function, *args)


def once(function: Callable[..., Any], *arrays: Array) -> Any:
    """What a function makes of arrays; it notes itself how, unless a tape knows they stay as is."""
    tape = _tape.get()
    if tape is None or tape.constants is None or not tape.constants.holds(*arrays):
        return function(*arrays)
    with recording(None):
        return tape.constants.made(function, *arrays)


def keep(*arrays: Array | None) -> None:
    """Let a tape in force hold arrays that calls know by their addresses."""
    tape = _tape.get()
    if tape is not None:
        tape.keep(*arrays)


def empty(xp: Any, shape: Sequence[int], dtype: Any) -> Array:
    """Memory that calls of the step, and nothing else, fill before they read it."""
    tape = _tape.get()
    return xp.empty(shape, dtype) if tape is None or xp is not np else tape.empty(shape, dtype)


def empty_like(xp: Any, x: Array, dtype: Any = None, shape: Sequence[int] | None = None) -> Array:
    """`empty` of the type, shape and order of axes of x, where none is given."""
    if _tape.get() is None or xp is not np:
        return xp.empty_like(x, dtype, shape=shape)
    order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    sizes = x.shape if shape is None else shape
    made = empty(xp, [sizes[axis] for axis in order], x.dtype if dtype is None else dtype)
    return made.transpose(np.argsort(order))


def change(function: Callable[..., Any], changed: Array, *args: Any) -> None:
    """Call a function that changes its first array, which outlives the step; note both."""
    tape = _tape.get()
    if tape is not None:
        tape.rewrites(changed)
    run(function, changed, *args)


def compute(function: Callable[..., Any], *args: Any) -> Array:
    """Call a function that gives a new array; noted so that it gives the same array again.

    A result that is a view of an argument needs no call: it changes with what it shows.
    """
    result = function(*args)
    tape = _tape.get()
    if tape is None or any(may_share_memory(result, x) for x in args):
        return result
    made = empty_like(module_of(result), result)
    made[...] = result
    tape.note(_again, made, function, *args)
    return made


def _again(result: Array, function: Callable[..., Any], *args: Any) -> None:
    result[...] = function(*args)


def add_to(total: Array, g: Array) -> None:
    """total += g."""
    total += g


def copy_to(total: Array, g: Array | int) -> None:
    """total = g, in place."""
    total[...] = g
