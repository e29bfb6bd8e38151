"""A model's forward for one shape of input, as calls on fixed memory: no graph, no Python per op.

The ops of one eager call are written down (trace.py). What depends on weights alone stays as it
came out, scales and shifts go into the weights before them (folding.py), what nobody needs is left
out; the rest is applied once more under a tape, to which the weights are constants. The plan is
proven on a second input before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.grad.autograd import no_grad
from azuraforge.engine.replay.constants import Constants
from azuraforge.engine.replay.folding import arrays_of, folded
from azuraforge.engine.replay.plan import Recording, Rehearsal
from azuraforge.engine.replay.tape import Tape, recording
from azuraforge.engine.replay.trace import Applied, tracing
from azuraforge.engine.tensor import Tensor


class Plan:
    """The forward of one shape of inputs; call it with arrays or tensors of that shape.

    `refusal` says why there is none, if the function does what calls on arrays cannot repeat.
    """

    def __init__(self, forward: Callable[..., Any], inputs: Sequence[Any]) -> None:
        self._inputs = [_own(x) for x in inputs]
        self._arrays = [x for x in map(_array, self._inputs) if x is not None]
        witness = Tape()
        with no_grad(), tracing() as trace, recording(witness):
            self._result = forward(*self._inputs)
        self.refusal = witness.refusal or _unrepeatable(witness) or _unreturnable(self._result)
        if self.refusal is None:
            self._tape, self._results = self._planned(trace, _flat(self._result))
            self.refusal = self._tape.refusal or self._unproven(forward)

    def __call__(self, *inputs: Any) -> Any:
        """The model's output: new arrays each time."""
        self._put(inputs)
        with np.errstate(all="ignore"):
            for call in self._tape.calls:
                call()
        made = iter([Tensor(array.copy()) for array in self._results])
        return _rebuilt(self._result, made)

    def _planned(
        self, trace: Sequence[Applied], results: Sequence[Array]
    ) -> tuple[Tape, list[Array]]:
        """The calls that make the results, in memory that they share, and the arrays they fill."""
        steps, weights = folded(trace, self._arrays, results)
        constants = Constants()
        for array in weights:
            constants.add(array)
        rehearsal = Rehearsal()
        rehearsal.constants = constants
        held = self._lowered(steps, results, rehearsal)
        lives = rehearsal.stop()
        tape = Recording(lives)
        tape.constants = constants
        del held
        made = self._lowered(steps, results, tape)
        tape.stop()
        return tape, made

    def _lowered(
        self, steps: Sequence[Applied], results: Sequence[Array], tape: Tape
    ) -> list[Array]:
        """Apply the steps to the plan's inputs; an array is let go of after its last use."""
        places = {id(array): array for array in self._arrays}
        ends = _last_uses(steps, results)
        with no_grad(), recording(tape):
            for i, step in enumerate(steps):
                places.update(_applied(step, places))
                for used in (*arrays_of(step), *step.outputs):
                    if ends.get(id(used), i) <= i:
                        places.pop(id(used), None)
        return [places.get(id(array), array) for array in results]

    def _unproven(self, forward: Callable[..., Any]) -> str | None:
        """Why the plan is not to be trusted: what it makes of this input, and turned around."""
        for turned in (False, True):
            inputs = [_turned(x) if turned else _own(x) for x in self._inputs]
            try:
                with no_grad():
                    expected = _flat(forward(*inputs))
            except Exception as error:  # noqa: BLE001  (a model may raise what it likes)
                return f"it cannot be proven on other numbers: {type(error).__name__}: {error}"
            found = _flat(self(*inputs))
            for y, made in zip(expected, found, strict=True):
                if not _is_close(y, made):
                    return "its outputs differ from the model's own"
        return None

    def _put(self, inputs: Sequence[Any]) -> None:
        for own, x in zip(map(_array, self._inputs), map(_array, inputs), strict=True):
            if own is not None:
                own[...] = x


def _applied(step: Applied, places: Mapping[int, Array]) -> dict[int, Array]:
    """Apply a step to the plan's arrays; its outputs, by those of the eager call."""
    inputs, attributes = _moved(step.inputs, places), _moved(step.attributes, places)
    how = step.op.implementation(inputs, attributes)
    outputs = step.op.run(inputs, attributes, how)
    return dict(zip(map(id, step.outputs), outputs, strict=True))


def _last_uses(steps: Sequence[Applied], results: Sequence[Array]) -> dict[int, int]:
    """The number of the last step that reads each array; what is returned is read after all."""
    last = {id(x): i for i, step in enumerate(steps) for x in arrays_of(step)}
    return last | dict.fromkeys(map(id, results), len(steps))


def _array(x: Any) -> Array | None:
    array = x.data if isinstance(x, Tensor) else x
    return array if isinstance(array, np.ndarray) else None


def _own(x: Any) -> Any:
    """The input in memory of its own."""
    array = _array(x)
    if array is None:
        return x
    return Tensor(array.copy()) if isinstance(x, Tensor) else array.copy()


def _turned(x: Any) -> Any:
    """The input with its elements in reverse: other numbers, and as fit to be one."""
    array = _array(x)
    if array is None:
        return x
    turned = array.reshape(-1)[::-1].reshape(array.shape).copy()
    return Tensor(turned) if isinstance(x, Tensor) else turned


def _unrepeatable(witness: Tape) -> str | None:
    if witness.states or witness.arrays:
        return "it changes what outlives the call: a generator, or running statistics"
    return None


def _unreturnable(result: Any) -> str | None:
    if isinstance(result, tuple | list):
        return next(filter(None, map(_unreturnable, result)), None)
    if isinstance(result, Tensor) and isinstance(result.data, np.ndarray):
        return None
    return f"it returns a {type(result).__name__}; allowed: tensors on the CPU, tuples of them"


def _flat(result: Any) -> list[Array]:
    """The arrays of a tensor, or of tuples and lists of them."""
    if isinstance(result, tuple | list):
        return [array for one in result for array in _flat(one)]
    return [result.data]


def _rebuilt(like: Any, tensors: Iterator[Tensor]) -> Any:
    """The tensors in tuples and lists as in `like`."""
    if isinstance(like, tuple | list):
        return type(like)(_rebuilt(one, tensors) for one in like)
    return next(tensors)


def _moved(values: Sequence[Any], places: Mapping[int, Array]) -> tuple[Any, ...]:
    """Operands or attributes, with arrays of the eager call replaced by the plan's own."""
    return tuple(
        _moved(x, places) if isinstance(x, tuple) else places.get(id(x), x) for x in values
    )


def _is_close(y: Array, made: Array) -> bool:
    """Whether the arrays are alike, but for half of the digits that rounding leaves."""
    if y.shape != made.shape or y.dtype != made.dtype:
        return False
    if y.dtype.kind != "f":
        return np.array_equal(y, made)
    largest = np.abs(y, where=np.isfinite(y), out=np.zeros_like(y)).max(initial=0)
    tolerance = float(largest) * float(np.finfo(y.dtype).eps) ** 0.5
    return np.allclose(made, y, rtol=0, atol=tolerance, equal_nan=True)
