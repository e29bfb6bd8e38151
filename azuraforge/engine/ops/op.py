"""What an op is: one declaration holding shapes, forward, gradients and samples.

An op knows arrays only. It says the shapes of its outputs before it runs and writes into buffers
it is given, so a sequence of calls can be planned and replayed. `declare.py` makes ops:

    matmul = op(
        "matmul(a, b) -> y",
        shape=lambda a, b: (*a[:-1], b[-1]),
        forward=lambda xp, a, b, y: xp.matmul(a, b, out=y),
        grads={"a": lambda xp, g, b: g @ b.swapaxes(-1, -2), "b": …},
        samples=(Sample(normal(3, 4), normal(4, 5)),),
    )

Names are the wiring. `shape` gets the shapes of the inputs it names, and attributes. `forward`
gets arrays of inputs and outputs, and attributes. A gradient gets `g` (the gradient of the first
output; `g_name` that of another), inputs, outputs, attributes, shapes as `name_shape`, and `needs`
(for each input whether its gradient is wanted). A gradient of several inputs at once is keyed by
the tuple of their names and returns a tuple. A gradient that names `gx` writes that of x into this
buffer and returns nothing; one that names `sum_x` adds it to that array, so that many uses of
parts of x share one. An output whose name begins with `_` is kept for the
gradients and not returned. An op of any number of operands has one input, `*xs`, whose name stands
for the tuple of them everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from azuraforge.engine.device import Array, common_module
from azuraforge.engine.ops.formula import Formula
from azuraforge.engine.ops.implementation import Implementation
from azuraforge.engine.ops.promotion import common_type
from azuraforge.engine.ops.sample import Sample
from azuraforge.engine.ops.signature import REQUIRED, Signature, Wired
from azuraforge.engine.replay import trace
from azuraforge.errors import DTypeError, EngineError, ShapeError

Shape = tuple[int, ...]
REMEMBERED = 256  # kinds of operands whose outputs an op knows without asking
OPS: dict[str, Op] = {}  # every declared op by name, filled at import


@dataclass(frozen=True, eq=False)
class Op:
    """An op; call it with arrays for arrays, with Tensors for Tensors."""

    signature: Signature
    shape: Wired
    reference: Implementation
    dtypes: Mapping[str, Wired]  # of outputs that are not of the common type of the inputs
    is_view: bool
    kernel_name: str | None
    samples: tuple[Sample, ...]
    text: str  # formula or signature, for people
    formulas: tuple[Formula, Mapping[str, Formula]] | None = None  # of y and of the gradients
    again: Implementation | None = None  # gradients to differentiate, where not the reference's
    is_holomorphic: bool = False  # of complex numbers: gradients want g's conjugate, and are one

    @cached_property
    def name(self) -> str:
        return self.signature.name

    @cached_property
    def returned(self) -> int:
        """How many outputs the caller gets; the rest are kept for the gradients."""
        return self.signature.returned

    @cached_property
    def kernel(self) -> Implementation | None:
        """The op in kernels/, where there is one and Numba is installed."""
        if self._kernel is None:
            return None
        kernel = self._kernel
        return Implementation(
            self.signature,
            kernel.forward,
            kernel.gradients,
            orders=getattr(kernel, "ORDERS", {}),
            notes=getattr(kernel, "NOTES", False),
            also=self.differentiable.kept,
        )

    @cached_property
    def cuda(self) -> Implementation:
        """The formulas of the op as kernels for the GPU."""
        assert self.formulas is not None
        y, gradients = self.formulas
        every = {name: gradients.get(name) for name in self.signature.inputs}
        kernel = self._cuda.Kernel(y, every)
        return Implementation(
            self.signature,
            kernel.forward,
            kernel.gradients,
            orders=kernel.ORDERS,
            also=self.differentiable.kept,
        )

    @property
    def differentiable(self) -> Implementation:
        """The gradients to use where they are differentiated themselves."""
        return self.again or self.reference

    def __call__(self, *inputs: Any, **attributes: Any) -> Any:
        for x in inputs:
            apply = getattr(x, "__apply_op__", None)  # a Tensor says how ops act on it
            if apply is not None:
                return apply(self, inputs, attributes)
        bound = self.bind(inputs, attributes)
        how = self.implementation(inputs, bound)
        results = self.run(inputs, bound, how)[: self.returned]
        return results[0] if self.returned == 1 else results

    def bind(self, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> tuple[Any, ...]:
        """All attributes in their order. Raises: TypeError, as a Python call would."""
        if len(inputs) != self._arity and not (self.signature.is_variadic and inputs):
            raise TypeError(
                f"{self.name}: got {len(inputs)} operands, takes {', '.join(self.signature.inputs)}"
            )
        if not attributes and not self._has_required:
            return self._defaults
        bound = {**self.signature.defaults, **attributes}
        values = tuple(bound.values())
        if len(values) != len(self._defaults) or any(value is REQUIRED for value in values):
            raise TypeError(
                f"{self.name}: got attributes {sorted(attributes)}, "
                f"takes {sorted(self.signature.defaults)}"
            )
        return values

    def shapes(self, inputs: Sequence[Any], attributes: tuple[Any, ...]) -> tuple[Shape, ...]:
        """The shape of every output. Raises: ShapeError naming the op and the shapes."""
        given = self.operands([x.shape if hasattr(x, "shape") else () for x in inputs])
        try:
            found = self.shape.function(*self.shape.pick((*given, *attributes)))
        except (ValueError, IndexError, TypeError) as error:
            if isinstance(error, ShapeError):
                raise ShapeError(f"{self.name}: {error}") from None
            said = ", ".join(f"{n} {s}" for n, s in zip(self.signature.inputs, given, strict=True))
            raise ShapeError(f"{self.name}: shapes do not fit, {said}: {error}") from error
        return (found,) if len(self.signature.outputs) == 1 else tuple(found)

    def types(self, inputs: Sequence[Any], attributes: tuple[Any, ...]) -> list[np.dtype[Any]]:
        """The element type of every output."""
        common = common_type(inputs)
        if not self.dtypes:
            return [common] * len(self.signature.outputs)
        found = [self.dtypes.get(name) for name in self.signature.outputs]
        row = (common, *self.operands([_dtype(x) for x in inputs]), *attributes)
        return [common if t is None else np.dtype(t.function(*t.pick(row))) for t in found]

    def _known(
        self, inputs: Sequence[Any], attributes: tuple[Any, ...]
    ) -> Sequence[tuple[Shape, np.dtype[Any]]]:
        """Shape and element type of every output, remembered for operands like these."""
        kinds = [(x.shape, x.dtype) if hasattr(x, "shape") else type(x) for x in inputs]
        key = (*kinds, attributes)
        try:
            found = self._remembered.get(key)
        except TypeError:  # an attribute that is no key: a slice, an array
            return self._found(inputs, attributes)
        if found is None:
            found = self._found(inputs, attributes)
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = found
        return found

    def _found(
        self, inputs: Sequence[Any], attributes: tuple[Any, ...]
    ) -> Sequence[tuple[Shape, np.dtype[Any]]]:
        shapes, types = self.shapes(inputs, attributes), self.types(inputs, attributes)
        return list(zip(shapes, types, strict=True))

    @cached_property
    def _remembered(self) -> dict[Any, Sequence[tuple[Shape, np.dtype[Any]]]]:
        return {}

    def operands(self, each: Sequence[Any]) -> Sequence[Any]:
        """Operands, or what is known of each, one for each input of the signature."""
        return (tuple(each),) if self.signature.is_variadic else each

    def implementation(self, inputs: Sequence[Any], attributes: tuple[Any, ...]) -> Implementation:
        """A kernel where one accepts these operands, else the reference."""
        if self._kernel is not None:
            named = dict(zip(self.signature.defaults, attributes, strict=True))
            if self._kernel.accepts(*inputs, **named):
                assert self.kernel is not None
                return self.kernel
        if self.formulas is not None and self._cuda.accepts(inputs):
            return self.cuda
        return self.reference

    def run(
        self,
        inputs: Sequence[Any],
        attributes: tuple[Any, ...],
        how: Implementation,
        out: Sequence[Array | None] | None = None,
        errors: np.errstate | None = None,
    ) -> Sequence[Array]:
        """Every output, the kept ones included; written into `out` where it is given.

        NaN and Inf travel; `errors` may hear of those that ufuncs make of finite numbers.
        """
        xp = common_module(self.name, inputs)
        if self.is_view:
            out = (None,)
        elif out is None:
            known = self._known(inputs, attributes)
            out = [
                empty(xp, inputs, shape, dtype)
                for empty, (shape, dtype) in zip(how.outputs, known, strict=True)
            ]
        row = (*self.operands(inputs), *out, *attributes)
        with errors or np.errstate(all="ignore"):
            try:
                result = how.run(xp, row, fills=not self.is_view)
            except (TypeError, ValueError, IndexError) as error:
                raise self._refusal(inputs, error) from error
        made = (xp.asarray(result),) if self.is_view else out
        trace.note(self, inputs, attributes, made)
        return made

    def _refusal(self, inputs: Sequence[Any], error: Exception) -> Exception:
        """The error to show where the forward function refused its operands."""
        if isinstance(error, EngineError):
            return type(error)(f"{self.name}: {error}")
        if isinstance(error, TypeError):
            kinds = ", ".join(str(np.result_type(x)) for x in inputs)
            return DTypeError(
                f"{self.name}: element types {kinds} do not fit: {error}; "
                "convert with .to('float32') first"
            )
        shapes = ", ".join(str(np.shape(x)) for x in inputs)
        return ShapeError(f"{self.name}: operands {shapes} do not fit: {error}")

    @cached_property
    def is_of_ufuncs(self) -> bool:
        """Whether its formulas are written with NumPy's ufuncs alone."""
        if self.formulas is None:
            return False
        every = (self.formulas[0], *self.formulas[1].values())
        return all(f.call.startswith("xp.") for formula in every for f in formula.functions)

    @cached_property
    def _defaults(self) -> tuple[Any, ...]:
        return tuple(self.signature.defaults.values())

    @cached_property
    def _has_required(self) -> bool:
        return REQUIRED in self._defaults

    @cached_property
    def _arity(self) -> int:
        return len(self.signature.inputs)

    @cached_property
    def _kernel(self) -> Any:
        """The module in kernels/, where the op names one and Numba is installed."""
        if self.kernel_name is None or find_spec("numba") is None:
            return None
        module = import_module(f"azuraforge.engine.kernels.{self.kernel_name}")
        return module if self.formulas is None else module.Kernel(*self.formulas)

    @cached_property
    def _cuda(self) -> Any:
        return import_module("azuraforge.engine.kernels.cuda.elementwise")  # which imports ops


def _dtype(x: Any) -> np.dtype[Any]:
    found: np.dtype[Any] = x.dtype if hasattr(x, "dtype") else np.dtype(type(x))
    return found
