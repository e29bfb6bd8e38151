"""One way to run an op: a forward function, and gradients that fit what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from azuraforge.engine.device import Array, may_share_memory, module_of
from azuraforge.engine.ops.order import Orders, rows_last
from azuraforge.engine.ops.signature import Row, Signature, Wired, parameters, picker
from azuraforge.engine.random import Generator
from azuraforge.engine.replay.tape import Tape, current, empty_like, recording

Gradients = Mapping[str | Row, Callable[..., Any] | None]
NO_ORDERS: Orders = MappingProxyType({})


class Implementation:
    """A forward and its gradients, wired to the names of an op's signature.

    What is kept from forward to backward is what the gradients name, and nothing else. A gradient
    that names `gx` writes the gradient of x into that buffer, of x's shape, and returns nothing;
    one that names `sum_x` adds it to that array, which holds what came from other uses of x.
    `orders` says how outputs and such buffers lie in memory, where not row after row; `also` names
    what is kept besides, for gradients of gradients.

    Raises: TypeError for an input without a gradient, and for a name nobody knows.
    """

    def __init__(
        self,
        signature: Signature,
        forward: Callable[..., Any],
        gradients: Gradients,
        *,
        orders: Orders = NO_ORDERS,
        notes: bool | Literal["forward"] = False,
        also: Row = (),
    ) -> None:
        self.notes = notes  # which of its functions note on a tape themselves what they do
        keys = [(key,) if isinstance(key, str) else key for key in gradients]
        covered = [name for key in keys for name in key]
        if sorted(covered) != sorted(signature.inputs):
            raise TypeError(f"gradients are for {covered}, the inputs are {signature.inputs}")
        functions = {
            key: function
            for key, function in zip(keys, gradients.values(), strict=True)
            if function is not None
        }
        arrays = (*signature.inputs, *signature.outputs)
        buffers = tuple(f"g{name}" for name in signature.inputs)
        sums = tuple(f"sum_{name}" for name in signature.inputs)
        arriving = (*signature.gradients, "needs", *buffers, *sums)
        wanted = {name for function in functions.values() for name in parameters(function)}
        self.kept = tuple(sorted(wanted.union(also).difference(arriving)))
        self.retained = frozenset(self.kept).intersection(arrays)
        self.forward = Wired(forward, (*arrays, *signature.attributes))
        self.keep = picker(self.kept, (*arrays, *signature.attributes, *signature.shapes))
        self.gradients = [
            ([signature.inputs.index(name) for name in key], Wired(function, arriving + self.kept))
            for key, function in functions.items()
        ]
        self.outputs = [orders.get(name, rows_last) for name in signature.outputs]
        self.buffers = [orders.get(name, rows_last) if name in wanted else None for name in buffers]
        self.summed = [place for place, name in enumerate(sums) if name in wanted]
        self.is_variadic = signature.is_variadic

    def input_gradients(
        self,
        xp: Any,
        needs: Sequence[bool],
        outer: Sequence[Array],
        kept: Sequence[Any],
        shapes: Sequence[tuple[int, ...]],
        sums: Mapping[int, Array] | None = None,
    ) -> Sequence[Array | None]:
        """The gradient of each needed input of these shapes, from those `outer` of the outputs.

        Of an input whose gradient is added to a sum, the sum; it begins here if it is not given.
        """
        if self.is_variadic:
            ((_, gradient),) = self.gradients
            return list(self._call(gradient, xp, (*outer, needs, None, None, *kept)))
        dtype = outer[0].dtype
        if sums is None:
            sums = {place: xp.zeros(shapes[place], dtype) for place in self.summed if needs[place]}
        found: list[Array | None] = [
            empty(xp, outer, shape, dtype) if empty and need else None
            for empty, need, shape in zip(self.buffers, needs, shapes, strict=True)
        ]
        totals = [sums.get(place) for place in range(len(found))] if sums else [None] * len(found)
        row = (*outer, needs, *found, *totals, *kept)
        for places, gradient in self.gradients:
            if not any(needs[place] for place in places):
                continue
            results = self._call(gradient, xp, row)
            if results is not None:
                several = results if len(places) > 1 else (results,)
                for place, gx in zip(places, several, strict=True):
                    found[place] = gx
        for place, total in sums.items():
            found[place] = total
        return found

    def fills(self, place: int) -> bool:
        """Whether the gradient of an input is written into a buffer made for it alone."""
        return not self.is_variadic and self.buffers[place] is not None

    def run(self, xp: Any, row: Sequence[Any], *, fills: bool) -> Any:
        """Call the forward, which fills the outputs in the row, or else gives the output."""
        return self._call(self.forward, xp, row, fills=fills)

    def _call(self, wired: Wired, xp: Any, row: Sequence[Any], *, fills: bool = False) -> Any:
        """Call one of the functions; a tape in force notes it, unless it does that itself."""
        arguments = (xp, *wired.pick(row))
        tape = current()
        notes = self.notes if self.notes != "forward" else wired is self.forward
        if tape is None or notes:
            return wired.function(*arguments)
        for x in arguments:
            if isinstance(x, Generator):
                tape.changes(x)
        with recording(None):
            results = wired.function(*arguments)
        if fills or results is None:
            tape.note(wired.function, *arguments)
            return None
        if isinstance(results, list | tuple):
            return _noted(tape, results, wired.function, arguments)
        return _noted(tape, (results,), lambda *given: (wired.function(*given),), arguments)[0]


def _noted(
    tape: Tape, results: Sequence[Any], function: Callable[..., Any], arguments: tuple[Any, ...]
) -> list[Any]:
    """Note a call that made arrays; the arrays, each with memory to be filled again.

    What only shows an argument needs no call: it changes with what it shows.
    """
    made = [y if y is None or _is_view(y, arguments) else _with_memory(y) for y in results]
    fresh = [i for i, y in enumerate(made) if y is not None and not _is_view(y, arguments)]

    def again() -> None:
        found = function(*arguments)
        for i in fresh:
            made[i][...] = found[i]

    if fresh:
        tape.note(again)
    return made


def _with_memory(result: Any) -> Array:
    """The array in memory of the tape's, with an element of its own for every place."""
    xp = module_of(result)
    made = empty_like(xp, xp.asarray(result))
    made[...] = result
    return made


def _is_view(result: Any, arguments: tuple[Any, ...]) -> bool:
    return any(may_share_memory(result, x) for x in arguments)
