"""Functions with gradients of the user's own: subclasses of Function, under PyTorch's rules.

    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y

    y = Exp.apply(x)

A backward made of functions of tensors can itself be differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.grad import versions
from azuraforge.engine.grad.autograd import Node, source
from azuraforge.engine.grad.modes import is_grad_enabled, no_grad, nodes_made, watching
from azuraforge.engine.grad.place import place_of_user
from azuraforge.engine.grad.recorded import recorded, tensor_of
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import GradientError, ShapeError


class Context:
    """What forward leaves for backward; attributes of any name, and what the methods are told."""

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self.saved: tuple[Tensor | None, ...] = ()
        self.tensors: tuple[Tensor | None, ...] | None = None  # those of `saved`, in backward
        self.flat: tuple[Tensor, ...] = ()
        self.dirty: tuple[Tensor, ...] = ()
        self.materializes = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs and outputs for backward, which finds them in `saved_tensors`."""
        for x in tensors:
            if not isinstance(x, Tensor | None):
                raise GradientError(
                    f"save_for_backward: got {x!r}; allowed: tensors and None; keep it as an "
                    "attribute of ctx"
                )
        self.saved = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What was saved. Raises: GradientError outside of backward."""
        if self.tensors is None:
            raise GradientError("saved_tensors: they are there while backward runs")
        return self.tensors

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Say that these outputs have no gradient."""
        self.flat = outputs

    def mark_dirty(self, *inputs: Tensor) -> None:
        """Say that forward changed these inputs in place, and returns them."""
        self.dirty = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros, or None, for outputs that nothing came back to."""
        self.materializes = value


class Function:
    """A function whose `forward` and `backward` a subclass says; call it by `apply`.

    `forward(ctx, *inputs)`, or `forward(*inputs)` beside `setup_context(ctx, inputs, output)`, gets
    tensors and whatever else; it is not recorded. `backward(ctx, *gradients)` returns a gradient,
    or None, for each input.
    """

    @staticmethod
    def forward(*inputs: Any) -> Any:
        raise NotImplementedError("Function.forward is for a subclass to write")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise NotImplementedError("Function.backward is for a subclass to write")

    setup_context: Callable[..., None] | None = None

    @classmethod
    def apply(cls, *inputs: Any) -> Any:
        """The outputs of forward, recorded so that backward gives their gradients."""
        ctx = Context()
        sources = [source(x) if isinstance(x, Tensor) else None for x in inputs]
        ctx.needs_input_grad = tuple(found is not None for found in sources)
        with no_grad():
            if cls.setup_context is None:
                made = cls.forward(ctx, *inputs)
            else:
                made = cls.forward(*inputs)
                cls.setup_context(ctx, inputs, made)
        several = made if isinstance(made, tuple) else (made,)
        outputs = [_own(y, ctx, cls.__name__) for y in several]
        if is_grad_enabled() and any(ctx.needs_input_grad):
            node = FunctionNode(cls, ctx, sources, inputs, several)
            for place, (y, own) in enumerate(zip(several, outputs, strict=True)):
                if (
                    isinstance(own, Tensor)
                    and own.dtype.kind in "fc"
                    and not _is_among(y, ctx.flat)
                ):
                    own.node, own.place, own.requires_grad = node, place, True
        return tuple(outputs) if isinstance(made, tuple) else outputs[0]


class _Whole:
    """How a Function gives gradients: in arrays of its own, added to none."""

    summed = ()

    @staticmethod
    def fills(place: int) -> bool:
        return False


class FunctionNode(Node):
    """One applied Function. What it keeps are tensors, and outputs as (array, which output)."""

    __slots__ = ("_ctx", "function")

    def __init__(
        self,
        function: type[Function],
        ctx: Context,
        sources: Sequence[Any],
        inputs: Sequence[Any],
        outputs: Sequence[Any],
    ) -> None:
        self.function, self._ctx, self.how = function, ctx, _Whole()  # type: ignore[assignment]
        self.sources = sources
        self.shapes = [x.shape if isinstance(x, Tensor) else () for x in inputs]
        self.types = [(y.shape, y.dtype) if isinstance(y, Tensor) else ((), None) for y in outputs]
        self.hooks = None
        self.time = versions.now[0]
        self.line = place_of_user()
        watch = watching()
        self.layer = None if watch is None else watch.layer
        self.kept = tuple(_to_keep(x, inputs, outputs) for x in ctx.saved)
        ctx.saved = ()
        made = nodes_made()
        if made is not None:
            made.append(self)

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def tells(self) -> bool:
        return False

    @property
    def conjugates(self) -> bool:
        return False

    @property
    def materializes(self) -> bool:
        return self._ctx.materializes

    @property
    def returned(self) -> int:
        return len(self.types)

    def gradients(
        self, xp: Any, needs: Sequence[bool], outer: Sequence[Array], sums: Mapping[int, Array]
    ) -> Sequence[Array | None]:
        given = [None if g is None else Tensor(g) for g in outer]
        with no_grad():
            found = self._backward(needs, given)
        return [None if gx is None else gx.data for gx in found]

    def recorded_gradients(self, needs: Sequence[bool], outer: Sequence[Any]) -> Sequence[Any]:
        found = self._backward(needs, [None if g is None else tensor_of(g) for g in outer])
        return [None if gx is None else recorded(gx) for gx in found]

    def usable(self) -> tuple[Any, ...]:
        kept = super().usable()
        return tuple(self._linked(x) for x in kept)

    def check_kept(self, kept: tuple[Any, ...]) -> None:
        for number, x in enumerate(kept):
            if x is not None:
                array = x.data if isinstance(x, Tensor) else x[0]
                self.check_unchanged(f"saved tensor {number}", array)

    def _linked(self, x: Any) -> Tensor | None:
        """A kept tensor as backward is to see it: an output comes from this node."""
        if x is None or isinstance(x, Tensor):
            return x
        array, place = x
        made = Tensor(array)
        if place is not None:
            made.node, made.place, made.requires_grad = self, place, True
        return made

    def _backward(
        self, needs: Sequence[bool], outer: Sequence[Tensor | None]
    ) -> Sequence[Tensor | None]:
        ctx = self._ctx
        ctx.needs_input_grad, ctx.tensors = tuple(needs), self.usable()
        try:
            made = self.function.backward(ctx, *outer)
        finally:
            ctx.tensors = None
        found = list(made) if isinstance(made, tuple | list) else [made]
        count = len(self.shapes)
        if len(found) < count or any(gx is not None for gx in found[count:]):
            raise GradientError(
                f"{self.name}.backward returned {len(found)} gradients; allowed: one for each of "
                f"the {count} inputs of forward, None where there is none"
            )
        return [
            self._checked(i, gx) if needed else None
            for i, (gx, needed) in enumerate(zip(found, needs, strict=False))
        ]

    def _checked(self, place: int, gx: Any) -> Tensor | None:
        shape = self.shapes[place]
        if gx is None or (isinstance(gx, Tensor) and gx.shape == shape):
            return gx
        if not isinstance(gx, Tensor):
            raise GradientError(
                f"{self.name}.backward returned a {type(gx).__name__} for input {place}; allowed: "
                "a Tensor, or None"
            )
        if np.broadcast_shapes(shape, gx.shape) != gx.shape:
            raise ShapeError(
                f"{self.name}.backward returned {gx.shape} for input {place}, which is {shape}"
            )
        return gx  # the walk sums it over the axes it was broadcast along


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """A backward that is not to be recorded; a gradient of its gradient is a GradientError."""

    @wraps(backward)
    def call(ctx: Any, *outer: Any) -> Any:
        with no_grad():
            made = backward(ctx, *outer)
        past = [x for x in (*outer, *ctx.saved_tensors) if x is not None and x.requires_grad]
        if not is_grad_enabled() or not past:
            return made
        several = made if isinstance(made, tuple | list) else (made,)
        ends = [
            None if gx is None else _Once.apply(backward.__qualname__, gx, *past) for gx in several
        ]
        return tuple(ends) if isinstance(made, tuple | list) else ends[0]

    return call


class _Once(Function):
    """A gradient that cannot be differentiated; it says so when one tries."""

    @staticmethod
    def forward(ctx: Any, name: str, gx: Tensor, *past: Tensor) -> Tensor:
        ctx.name = name
        return gx

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise GradientError(
            f"{ctx.name} is once_differentiable, and its gradient was to be differentiated; "
            "write it with functions of tensors and take the decorator away"
        )


def _own(y: Any, ctx: Context, name: str) -> Any:
    """An output as a tensor that apply may give a past; an input changed in place is itself."""
    if not isinstance(y, Tensor):
        return y
    if _is_among(y, ctx.dirty):
        if y.requires_grad and y.node is None and is_grad_enabled():
            raise GradientError(f"{name}: a leaf that needs a gradient was changed in place")
        versions.changed(y.data, name)
        return y
    return Tensor(y.data)


def _to_keep(x: Tensor | None, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
    if x is None or _is_among(x, inputs):
        return x
    places = [i for i, y in enumerate(outputs) if y is x]
    return (x.data, places[0] if places else None)


def _is_among(x: Tensor, others: Sequence[Any]) -> bool:
    return any(x is other for other in others)
