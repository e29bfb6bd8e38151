"""One way to run an op: a forward function, and gradients that fit what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.signature import Row, Signature, Wired, parameters, picker

Gradients = Mapping[str | Row, Callable[..., Any] | None]


class Implementation:
    """A forward and its gradients, wired to the names of an op's signature.

    What is kept from forward to backward is what the gradients name, and nothing else. A gradient
    that names `gx` writes the gradient of x into that buffer, of x's shape, and returns nothing.

    Raises: TypeError for an input without a gradient, and for a name nobody knows.
    """

    def __init__(
        self, signature: Signature, forward: Callable[..., Any], gradients: Gradients
    ) -> None:
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
        arriving = (*signature.gradients, "needs", *buffers)
        wanted = {name for function in functions.values() for name in parameters(function)}
        self.kept = tuple(sorted(wanted.difference(arriving)))
        self.retained = frozenset(self.kept).intersection(arrays)
        self.forward = Wired(forward, (*arrays, *signature.attributes))
        self.keep = picker(self.kept, (*arrays, *signature.attributes, *signature.shapes))
        self.gradients = [
            ([signature.inputs.index(name) for name in key], Wired(function, arriving + self.kept))
            for key, function in functions.items()
        ]
        self.fills = [name in wanted for name in buffers]  # of each input: is a buffer made for it?
        self.is_variadic = signature.is_variadic

    def input_gradients(
        self,
        xp: Any,
        needs: Sequence[bool],
        outer: Sequence[Array],
        kept: Sequence[Any],
        shapes: Sequence[tuple[int, ...]],
    ) -> Sequence[Array | None]:
        """The gradient of each needed input of these shapes, from those `outer` of the outputs."""
        if self.is_variadic:
            ((_, gradient),) = self.gradients
            return list(gradient.function(xp, *gradient.pick((*outer, needs, None, *kept))))
        dtype = outer[0].dtype
        found: list[Array | None] = [
            xp.empty(shape, dtype) if fills and need else None
            for fills, need, shape in zip(self.fills, needs, shapes, strict=True)
        ]
        row = (*outer, needs, *found, *kept)
        for places, gradient in self.gradients:
            if not any(needs[place] for place in places):
                continue
            results = gradient.function(xp, *gradient.pick(row))
            if results is not None:
                several = results if len(places) > 1 else (results,)
                for place, gx in zip(places, several, strict=True):
                    found[place] = gx
        return found
