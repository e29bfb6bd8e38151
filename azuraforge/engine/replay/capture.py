"""A training step recorded once and done again without building a graph.

    step = capture(train_step)      # train_step(x, y) -> loss: forward, backward, optimizer
    for x, y in loader:
        loss = step(x, y)

The first call sees which arrays are needed when (plan.py), and the second records what the function
does to them (tape.py), in memory that they share. The third does it eagerly and by the recording,
from the same state, and compares the bits; from the fourth on the recording is replayed. Inputs of
other shapes or element types, another number of threads, another mode or setting of a module,
another value of a plain Python variable that the function uses record anew. Where a step cannot be
repeated, or the two differ, it says why (`reason`, and a warning once) and stays eager.

On a GPU the recording becomes CUDA graphs (graphs.py) on a stream of its own.

Tensors returned, and gradients, are the recording's own memory: the next call overwrites them.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import cache
from typing import Any

import numpy as np

from azuraforge.engine import autocast
from azuraforge.engine.device import Array, Lane, is_array, module_of
from azuraforge.engine.grad import hooks
from azuraforge.engine.grad.modes import watching
from azuraforge.engine.nn.module import Module
from azuraforge.engine.optim.flat import flat, nested
from azuraforge.engine.random import Generator
from azuraforge.engine.replay.graphs import graphed
from azuraforge.engine.replay.memory import give_back
from azuraforge.engine.replay.plan import Life, Recording, Rehearsal
from azuraforge.engine.replay.tape import Tape, recording
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.threads import threads

MOST_UNPROVEN = 8  # recordings, each with a step's memory, that await a second call of their kind
PLAIN = (bool, int, float, str, type(None))


def capture(step: Callable[..., Any]) -> Captured:
    """The step as a function of arrays or tensors that records itself and replays."""
    return Captured(step)


class Captured:
    """A step with its recordings; call it as the step. `reason` says why it stays eager, if so."""

    def __init__(self, step: Callable[..., Any]) -> None:
        self._step = step
        self._plans: dict[Any, _Plan] = {}
        self._watched = _Watched(step)
        self.reason: str | None = None

    @property
    def is_replayed(self) -> bool:
        """Whether a recording has been proven, so that calls like it are replayed."""
        return any(plan.is_proven for plan in list(self._plans.values()))

    def __call__(self, *inputs: Any) -> Any:
        if self.reason is not None or watching() is not None:
            return self._step(*inputs)
        key = (
            threads(),
            autocast.current(),
            hooks.changes[0],
            *map(_kind, inputs),
            *self._watched.values(),
        )
        plan = self._plans.get(key)
        if plan is None:
            self._forget_unproven()
            plan = self._plans[key] = _Plan(self._step, inputs)
        elif plan.is_proven:
            return plan.replay(inputs)
        result = plan.advance(inputs)
        if plan.refusal is not None:
            self.reason = plan.refusal
            self._plans.clear()
            warnings.warn(f"capture: {self.reason}; the step stays eager", stacklevel=2)
        return result

    def _forget_unproven(self) -> None:
        """Bound the memory of recordings where every call is of a kind of its own."""
        waiting = [key for key, plan in self._plans.items() if not plan.is_proven]
        if len(waiting) >= MOST_UNPROVEN:
            del self._plans[waiting[0]]


class _Plan:
    """One recording: the memory of the inputs, the calls, what is returned."""

    def __init__(self, step: Callable[..., Any], inputs: Sequence[Any]) -> None:
        self._step = step
        self._inputs = [_own(x) for x in inputs]
        self._lane = _lane(self._inputs)
        self._lives: list[Life] | None = None
        self._met: list[Any] = []
        self._tape: Recording | None = None
        self._result: Any = None
        self.is_proven = False
        self.refusal: str | None = None

    def advance(self, inputs: Sequence[Any]) -> Any:
        """The step done eagerly, and the plan one stage nearer to its proof."""
        self._put(inputs)
        if self._lives is None:
            return self._rehearse()
        if self._tape is None:
            return self._record(self._lives, self._met)
        result = self._prove(self._tape)
        give_back()  # the proof held everything twice
        return result

    def replay(self, inputs: Sequence[Any]) -> Any:
        self._put(inputs)
        assert self._tape is not None  # it is proven
        self._replay(self._tape)
        return self._result

    def _rehearse(self) -> Any:
        rehearsal = Rehearsal()
        with recording(rehearsal):
            result = self._step(*self._inputs)
        for returned in _flat(result):
            if not isinstance(returned, Tensor | None) and not is_array(returned):
                rehearsal.refuse(f"it returns a {type(returned).__name__}, not a tensor")
        self._lives, self.refusal = rehearsal.stop(), rehearsal.refusal
        self._met = rehearsal.met
        return result

    def _record(self, lives: Sequence[Life], met: Sequence[Any]) -> Any:
        tape = Recording(lives, met)
        with recording(tape):
            self._result = self._step(*self._inputs)
        tape.stop()
        self._met = []
        self._tape, self.refusal = tape, tape.refusal
        return self._result

    def _prove(self, tape: Recording) -> Any:
        """Do the step both ways from one state; the eager one counts where they differ."""
        state = _State(tape)
        eager_result = self._step(*self._inputs)
        eager = [*_arrays(eager_result), *_gradients(tape), *_State(tape).arrays]
        after, gradients = _State(tape), [leaf.grad for leaf, _ in tape.leaves]
        state.put_back()
        tape.forget()
        if self._lane is not None:
            self._replay(tape)  # once by its calls: what they set up is not for a graph
            state.put_back()
            tape.calls = graphed(tape, self._lane)
        self._replay(tape)
        replayed = [*_arrays(self._result), *_gradients(tape), *_State(tape).arrays]
        if _same(eager, replayed):
            self.is_proven = True
            return self._result
        after.put_back()
        for (leaf, _), g in zip(tape.leaves, gradients, strict=True):
            leaf.grad = g
        self.refusal = "its first replay differs from the eager step"
        return eager_result

    def _replay(self, tape: Recording) -> None:
        with nullcontext() if self._lane is None else self._lane.taken():
            tape.replay()

    def _put(self, inputs: Sequence[Any]) -> None:
        for own, x in zip(self._inputs, inputs, strict=True):
            array = own.data if isinstance(own, Tensor) else own
            if is_array(array):
                array[...] = x.data if isinstance(x, Tensor) else x


class _State:
    """A copy of everything a tape's step changes and that outlives it."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self.arrays = [array.copy() for array in tape.arrays]
        self._counters = [s.state for s in tape.states if isinstance(s, Generator)]
        optimizers = [flat(s.state_dict()) for s in tape.states if not isinstance(s, Generator)]
        self._optimizers = [
            ({key: array.copy() for key, array in arrays.items()}, values)
            for arrays, values in optimizers
        ]
        for arrays, values in self._optimizers:
            self.arrays += [*arrays.values(), *map(np.asarray, values["numbers"].values())]
        self.arrays += [np.array(counter, np.uint64) for counter in self._counters]

    def put_back(self) -> None:
        for array, copy in zip(self._tape.arrays, self.arrays, strict=False):
            array[...] = copy
        counters, optimizers = iter(self._counters), iter(self._optimizers)
        for state in self._tape.states:
            if isinstance(state, Generator):
                state.move_to(next(counters))
            else:
                state.load_state_dict(nested(*next(optimizers)))


class _Watched:
    """Plain values and modules that a function refers to, as they are at each call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        bound = inspect.unwrap(function)
        plain = getattr(bound, "__func__", bound)
        code = getattr(plain, "__code__", None)
        self._cells = plain.__closure__ or () if code else ()
        self._globals = plain.__globals__ if code else {}
        self._names = [n for n in code.co_names if n in self._globals] if code else []
        self._owner = getattr(bound, "__self__", None)
        self._itself = [bound] if isinstance(bound, Module) else []

    def values(self) -> list[Any]:
        found = self._itself + [cell.cell_contents for cell in self._cells]
        found += [self._globals.get(name) for name in self._names]
        found += vars(self._owner).values() if hasattr(self._owner, "__dict__") else []
        plain = [x for x in found if _is_plain(x.__class__)]
        modules = [x for x in found if isinstance(x, Module)]
        for module in modules:  # and those below it, which are added on the way
            plain += [x for x in vars(module).values() if _is_plain(x.__class__)]
            modules += module._modules.values()
        return plain


@cache
def _is_plain(kind: type) -> bool:
    """Remembered: every call of a step asks this of every attribute."""
    return issubclass(kind, PLAIN)


def _kind(x: Any) -> Any:
    """What of an input a recording depends on: shape and type of arrays, the value of the rest."""
    array = x.data if isinstance(x, Tensor) else x
    if isinstance(array, np.ndarray):
        return array.shape, array.dtype
    return (array.shape, array.dtype, "cuda") if is_array(array) else x


def _own(x: Any) -> Any:
    """The input in memory of the plan's own."""
    if isinstance(x, Tensor):
        return Tensor(x.data.copy(), x.requires_grad)
    return x.copy() if is_array(x) else x


def _lane(inputs: Sequence[Any]) -> Lane | None:
    """A lane for a step whose inputs are on the GPU."""
    arrays = [x.data if isinstance(x, Tensor) else x for x in inputs]
    xp = next((module_of(array) for array in arrays if is_array(array)), np)
    return None if xp is np else Lane(xp)


def _flat(result: Any) -> Sequence[Any]:
    return result if isinstance(result, tuple | list) else (result,)


def _arrays(result: Any) -> list[Array]:
    arrays = (x.data if isinstance(x, Tensor) else x for x in _flat(result))
    return [x.copy() for x in arrays if x is not None]


def _gradients(tape: Tape) -> list[Array]:
    return [leaf.grad.data.copy() for leaf, _ in tape.leaves if leaf.grad is not None]


def _same(one: Sequence[Array], other: Sequence[Array]) -> bool:
    is_as_long = len(one) == len(other)
    return is_as_long and all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))
