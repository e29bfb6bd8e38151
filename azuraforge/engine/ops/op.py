"""What an op is: one declaration holding shapes, forward, gradients and samples.

An op knows arrays only. It says the shapes of its outputs before it runs and writes into buffers
it is given, so a sequence of calls can be planned and replayed. What it keeps for the gradient is
read off the parameter names of the gradient functions, so nothing else is retained.

    matmul = op(
        "matmul(a, b) -> y",
        shape=lambda a, b: (*a[:-1], b[-1]),
        forward=lambda xp, a, b, y: xp.matmul(a, b, out=y),
        grads={"a": lambda xp, g, b: g @ b.swapaxes(-1, -2), "b": …},
        samples=(Sample(normal(3, 4), normal(4, 5)),),
    )

Names are the wiring. `shape` gets the shapes of the inputs it names, and attributes. `forward`
gets arrays of inputs and outputs, and attributes. A gradient gets `g` (the gradient of the first
output; `g_name` that of another), inputs, outputs, attributes, and shapes as `name_shape`. A
gradient of several inputs at once is keyed by the tuple of their names and returns a tuple. An
output whose name begins with `_` is kept for the gradients and not returned. An op of any number
of operands has one input, `*xs`, whose name stands for the tuple of them everywhere.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.ops.formula import Formula
from azuraforge.engine.ops.sample import Sample, elementwise_samples
from azuraforge.errors import DTypeError, ShapeError

Shape = tuple[int, ...]
OPS: dict[str, Op] = {}  # every declared op by name, filled at import


@dataclass(frozen=True, eq=False)
class Gradient:
    """One gradient function: the inputs it is for, and the names it wants."""

    inputs: tuple[str, ...]
    function: Callable[..., Any]
    wants: tuple[str, ...]  # parameters after xp


@dataclass(frozen=True, eq=False)
class Op:
    """An op; call it with arrays for arrays, with Tensors for Tensors."""

    name: str
    inputs: tuple[str, ...]
    defaults: Mapping[str, Any]  # attributes and their defaults; `...` marks a required one
    outputs: tuple[str, ...]
    shape: Callable[..., Any]
    forward: Callable[..., Any]
    gradients: tuple[Gradient, ...]
    is_variadic: bool = False
    dtypes: Mapping[str, str] = field(default_factory=dict)
    is_view: bool = False
    kernel: str | None = None
    samples: tuple[Sample, ...] = ()
    text: str = ""  # formula or source, for people

    @cached_property
    def returned(self) -> int:
        """How many outputs the caller gets; the rest are kept for the gradients."""
        return sum(not name.startswith("_") for name in self.outputs)

    @cached_property
    def retained(self) -> frozenset[str]:
        """Names of the arrays some gradient wants."""
        arrays = {*self.inputs, *self.outputs}
        return frozenset(n for gradient in self.gradients for n in gradient.wants if n in arrays)

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        for x in inputs:
            apply = getattr(type(x), "__apply_op__", None)  # a Tensor says how ops act on it
            if apply is not None:
                return apply(self, inputs, attributes)
        results = self.run(inputs, self.bind(inputs, attributes))[: self.returned]
        return results[0] if self.returned == 1 else results

    def bind(self, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
        """All attributes, defaults filled in. Raises: TypeError, as a Python call would."""
        if len(inputs) != len(self.inputs) and not (self.is_variadic and inputs):
            raise TypeError(
                f"{self.name}: got {len(inputs)} operands, takes {', '.join(self.inputs)}"
            )
        bound = {**self.defaults, **attributes}
        if len(bound) != len(self.defaults) or ... in bound.values():
            raise TypeError(
                f"{self.name}: got attributes {sorted(attributes)}, takes {sorted(self.defaults)}"
            )
        return bound

    def shapes(self, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> tuple[Shape, ...]:
        """The shape of every output. Raises: ShapeError naming the op and the shapes."""
        known = {**attributes, **self.by_name([np.shape(x) for x in inputs])}
        try:
            found = self.shape(*[known[name] for name in _parameters(self.shape)])
        except (ValueError, IndexError, TypeError) as error:
            if isinstance(error, ShapeError):
                raise ShapeError(f"{self.name}: {error}") from None
            given = ", ".join(f"{n} {known[n]}" for n in self.inputs)
            raise ShapeError(f"{self.name}: shapes do not fit, {given}: {error}") from error
        return (found,) if len(self.outputs) == 1 else tuple(found)

    def by_name(self, operands: Sequence[Any]) -> dict[str, Any]:
        """Operands (or what is known of each) under the names of the inputs."""
        if self.is_variadic:
            return {self.inputs[0]: tuple(operands)}
        return dict(zip(self.inputs, operands, strict=True))

    def run(
        self,
        inputs: Sequence[Array],
        attributes: Mapping[str, Any],
        out: Sequence[Array] | None = None,
    ) -> tuple[Array, ...]:
        """Every output, the kept ones included; written into `out` where it is given."""
        xp = module_of(inputs[0])
        if self.is_view:
            try:
                return (self.forward(xp, *self._values(self.forward, inputs, (), attributes)),)
            except (ValueError, IndexError) as error:
                raise ShapeError(f"{self.name}: {inputs[0].shape}: {error}") from error
        if out is None:
            out = self._allocate(xp, inputs, self.shapes(inputs, attributes))
        forward = self._kernel_for(inputs, attributes) or self.forward
        with np.errstate(all="ignore"):  # NaN and Inf travel; anomaly mode names where they began
            try:
                forward(xp, *self._values(forward, inputs, out, attributes))
            except TypeError as error:
                kinds = ", ".join(str(np.result_type(x)) for x in inputs)
                raise DTypeError(
                    f"{self.name}: element types {kinds} do not fit: {error}; "
                    "convert with .to('float32') first"
                ) from error
        return tuple(out)

    def input_gradients(
        self,
        xp: Any,
        needs: Sequence[bool],
        outer: Sequence[Array],
        kept: Mapping[str, Any],
    ) -> list[Array | None]:
        """The gradient of each needed input, from the gradients `outer` of the outputs.

        `kept` holds the retained arrays, the attributes, and every shape as `name_shape`.
        """
        names = ["g", *(f"g_{name}" for name in self.outputs[1 : self.returned])]
        known = {**kept, **dict(zip(names, outer, strict=True)), "needs": needs}
        if self.is_variadic:
            (gradient,) = self.gradients
            return list(gradient.function(xp, *[known[name] for name in gradient.wants]))
        found: list[Array | None] = [None] * len(needs)
        for gradient in self.gradients:
            places = [self.inputs.index(name) for name in gradient.inputs]
            if not any(needs[place] for place in places):
                continue
            result = gradient.function(xp, *[known[name] for name in gradient.wants])
            for place, gx in zip(places, result if len(places) > 1 else (result,), strict=True):
                found[place] = gx
        return found

    def _values(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Array],
        outputs: Sequence[Array],
        attributes: Mapping[str, Any],
    ) -> list[Any]:
        named = dict(zip(self.outputs, outputs, strict=False))  # a view has no buffer
        known = {**attributes, **self.by_name(inputs), **named}
        return [known[name] for name in _parameters(function)[1:]]

    def _allocate(self, xp: Any, inputs: Sequence[Array], shapes: Sequence[Shape]) -> list[Array]:
        dtype = floating_type(inputs)
        return [
            xp.empty(shape, self.dtypes.get(name, dtype))
            for name, shape in zip(self.outputs, shapes, strict=True)
        ]

    def _kernel_for(
        self, inputs: Sequence[Array], attributes: Mapping[str, Any]
    ) -> Callable[..., Any] | None:
        kernel = self._kernel
        if kernel is None or not kernel.accepts(*inputs, **attributes):
            return None
        forward: Callable[..., Any] = kernel.forward
        return forward

    @cached_property
    def _kernel(self) -> Any:
        """The module of the op's kernel, where it has one and Numba is installed."""
        if self.kernel is None or find_spec("numba") is None:
            return None
        return import_module(f"azuraforge.engine.kernels.{self.kernel}")


def op(
    signature: str,
    *,
    shape: Callable[..., Any],
    forward: Callable[..., Any],
    grads: Mapping[str | tuple[str, ...], Callable[..., Any] | None],
    dtypes: Mapping[str, str] | None = None,
    is_view: bool = False,
    kernel: str | None = None,
    samples: tuple[Sample, ...] = (),
) -> Op:
    """Declare an op. A gradient of None says that the input has none (indices, targets).

    Raises: TypeError at import for an input without a gradient, a name nobody knows, or no samples.
    """
    name, inputs, defaults, outputs, is_variadic = _signature(signature)
    covered = [i for key in grads for i in ((key,) if isinstance(key, str) else key)]
    if sorted(covered) != sorted(inputs):
        raise TypeError(f"op {name}: gradients are for {covered}, the inputs are {inputs}")
    gradients = tuple(
        Gradient((key,) if isinstance(key, str) else key, function, _parameters(function)[1:])
        for key, function in grads.items()
        if function is not None
    )
    known = {*inputs, *outputs, *defaults}
    from_outputs = {"g", "needs", *(f"g_{o}" for o in outputs)}
    with_shapes = {f"{n}_shape" for n in (*inputs, *outputs)}
    wanted = {n for g in gradients for n in g.wants} - from_outputs - with_shapes
    unknown = (wanted | set(_parameters(shape)) | set(_parameters(forward)[1:])) - known
    if unknown or not samples:
        raise TypeError(f"op {name}: unknown names {sorted(unknown)}, {len(samples)} samples")
    return _declare(
        Op(
            name, inputs, defaults, outputs, shape, forward, gradients, is_variadic,
            dtypes or {}, is_view, kernel, samples, signature,
        )
    )  # fmt: skip


def elementwise(
    signature: str,
    *,
    y: str,
    domain: tuple[float, float] = (-3.0, 3.0),
    extremes: tuple[float, ...] = (-1e4, -100.0, 100.0, 1e4),
    **grads: str,
) -> Op:
    """Declare an elementwise op by formulas: `y`, and one per input for its gradient.

    `domain` is where samples are drawn from, `extremes` are added to them one by one.
    """
    name, inputs, *_ = _signature(f"{signature} -> y")
    if set(grads) != set(inputs):
        raise TypeError(f"op {name}: gradients are for {sorted(grads)}, the inputs are {inputs}")
    samples = elementwise_samples(len(inputs), domain, extremes)
    return _of_formulas(signature, y, grads, samples, {})


def truth(signature: str, *, y: str) -> Op:
    """Declare an elementwise op of truth values, which has no gradients."""
    _, inputs, *_ = _signature(f"{signature} -> y")
    samples = elementwise_samples(len(inputs), (-3.0, 3.0), ())
    return _of_formulas(signature, y, {}, samples, {"y": "bool"})


def _of_formulas(
    signature: str,
    y: str,
    grads: Mapping[str, str],
    samples: tuple[Sample, ...],
    dtypes: Mapping[str, str],
) -> Op:
    name, inputs, defaults, outputs, _ = _signature(f"{signature} -> y")
    formulas = {key: Formula.parse(text, ("g", "y", *inputs)) for key, text in grads.items()}
    value = Formula.parse(y, inputs)
    lowered = value.lower()

    def forward(xp: Any, *values: Any) -> None:
        *operands, out = values
        lowered(xp, *operands, out=out)

    forward.__signature__ = _names_signature(("xp", *value.names, "y"))  # type: ignore[attr-defined]
    gradients = tuple(
        Gradient((key,), formula.lower(), formula.names) for key, formula in formulas.items()
    )
    shape = _broadcast(inputs)
    return _declare(
        Op(
            name, inputs, defaults, outputs, shape, forward, gradients, False,
            dtypes, False, None, samples, f"{signature} = {y}",
        )
    )  # fmt: skip


def floating_type(inputs: Sequence[Any]) -> Any:
    """The common type of the floating inputs; of all inputs where none is floating."""
    if len(inputs) == 1:
        return np.result_type(inputs[0])
    kinds = [x if isinstance(x, int | float) else x.dtype for x in inputs]
    if any(isinstance(kind, np.dtype) and kind.kind == "f" for kind in kinds):
        kinds = [k for k in kinds if not isinstance(k, np.dtype) or k.kind == "f"]
    return np.result_type(*kinds)


def _broadcast(inputs: tuple[str, ...]) -> Callable[..., Any]:
    def shape(*shapes: Shape) -> Shape:
        if all(s == shapes[0] for s in shapes):
            return shapes[0]
        return np.broadcast_shapes(*shapes)

    shape.__signature__ = _names_signature(inputs)  # type: ignore[attr-defined]
    return shape


def _declare(declared: Op) -> Op:
    if declared.name in OPS:
        raise TypeError(f"op {declared.name} is declared twice")
    OPS[declared.name] = declared
    return declared


def _signature(
    text: str,
) -> tuple[str, tuple[str, ...], dict[str, Any], tuple[str, ...], bool]:
    """The parts of "name(a, b, *, axis=None) -> y, _kept"; whether it is "name(*xs, …)"."""
    call, _, results = text.partition("->")
    function = ast.parse(f"def {call.strip()}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    attributes = {
        arg.arg: ... if default is None else ast.literal_eval(default)
        for arg, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    }
    many = function.args.vararg
    inputs = (many.arg,) if many else tuple(arg.arg for arg in function.args.args)
    outputs = tuple(output.strip() for output in results.split(","))
    return function.name, inputs, attributes, outputs, many is not None


_PARAMETERS: dict[Callable[..., Any], tuple[str, ...]] = {}


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    names = _PARAMETERS.get(function)
    if names is None:
        names = _PARAMETERS[function] = tuple(inspect.signature(function).parameters)
    return names


def _names_signature(names: tuple[str, ...]) -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_ONLY
    return inspect.Signature([inspect.Parameter(name, kind) for name in names])
