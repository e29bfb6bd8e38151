"""Declaring ops: `op` by functions, `elementwise` and `truth` by formulas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from azuraforge.engine.ops.formula import Formula
from azuraforge.engine.ops.implementation import Gradients, Implementation
from azuraforge.engine.ops.op import OPS, Op, Shape
from azuraforge.engine.ops.order import as_given
from azuraforge.engine.ops.promotion import floating
from azuraforge.engine.ops.sample import Sample, elementwise_samples
from azuraforge.engine.ops.signature import Row, Signature, Wired

EXTREMES = (-1e4, -100.0, 100.0, 1e4)  # beside which formulas are tested


def op(
    signature: str,
    *,
    shape: Callable[..., Any],
    forward: Callable[..., Any],
    grads: Gradients,
    again: Gradients | None = None,
    dtypes: Mapping[str, Callable[..., Any]] | None = None,
    is_view: bool = False,
    is_holomorphic: bool = False,
    kernel: str | None = None,
    samples: tuple[Sample, ...] = (),
) -> Op:
    """Declare an op. A gradient of None says that the input has none (indices, targets).

    `dtypes` gives the element type of outputs that do not have the common type of the inputs; its
    functions get that type as `common`, those of inputs by their names, and attributes.

    `again` are the gradients for when they are differentiated themselves: made of ops, over
    Tensors (engine/grad/recorded.py). Left out, `grads` serve: they do where they are arithmetic on
    the inputs and the returned outputs, through no array that is written to under two names.

    `is_holomorphic` says that the gradients, which are written for real numbers, hold for complex
    ones if g and they themselves are conjugated. Else they are as they are declared.

    Raises: TypeError at import for an input without a gradient, a name nobody knows, no samples,
            or a name that is taken.
    """
    parsed = Signature.parse(signature)
    try:
        wired_shape = Wired(shape, parsed.inputs + parsed.attributes)
        types = {
            name: Wired(function, ("common", *parsed.inputs, *parsed.attributes))
            for name, function in (dtypes or {}).items()
        }
        second = None if again is None else Implementation(parsed, forward, again)
        reference = Implementation(parsed, forward, grads, also=second.kept if second else ())
    except TypeError as error:
        raise TypeError(f"op {parsed.name}: {error}") from None
    return _declared(
        Op(
            parsed, wired_shape, reference, types, is_view, kernel, samples, signature,
            again=second, is_holomorphic=is_holomorphic,
        )
    )  # fmt: skip


def elementwise(
    signature: str,
    *,
    y: str,
    domain: tuple[float, float] = (-3.0, 3.0),
    extremes: tuple[float, ...] = EXTREMES,
    dtype: Callable[..., Any] | None = None,
    again: Gradients | None = None,
    **grads: str | None,
) -> Op:
    """Declare an elementwise op by formulas: `y`, and one per input for its gradient.

    `domain` is where samples are drawn from, `extremes` are added to them one by one. An
    input whose gradient is None is a truth value. Where the formula divides or calls a function
    such as exp, whole numbers give floating ones; `dtype` says so otherwise, from the type that the
    inputs have in common. `again` is needed, as functions, where the
    gradients' formulas are not finite when they are differentiated: as `op` says.

    Raises: TypeError at import, as `op` does, and for what the formula language does not have.
    """
    parsed = Signature.parse(f"{signature} -> y")
    names = ("g", "y", *parsed.inputs)
    formulas = {key: Formula.parse(text, names) for key, text in grads.items() if text is not None}
    conditions = grads.keys() - formulas.keys()
    places = [i for i, name in enumerate(parsed.inputs) if name in conditions]
    samples = elementwise_samples(len(parsed.inputs), domain, extremes, places)
    lowered: dict[str | Row, Any] = {key: formula.lower() for key, formula in formulas.items()}
    lowered.update(dict.fromkeys(conditions))
    makes_floats = Formula.parse(y, parsed.inputs).makes_floats
    dtype = floating if dtype is None and makes_floats else dtype
    types = {} if dtype is None else {"y": Wired(dtype, ("common",))}
    return _of_formula(parsed, y, lowered, types, samples, formulas, again)


def truth(signature: str, *, y: str) -> Op:
    """Declare an elementwise op of truth values, which has no gradients."""
    parsed = Signature.parse(f"{signature} -> y")
    samples = elementwise_samples(len(parsed.inputs), (-3.0, 3.0), (), ())
    types = {"y": Wired(lambda: np.bool_, ())}
    return _of_formula(parsed, y, dict.fromkeys(parsed.inputs), types, samples, {})


def _of_formula(
    signature: Signature,
    y: str,
    gradients: Gradients,
    types: Mapping[str, Wired],
    samples: tuple[Sample, ...],
    formulas: Mapping[str, Formula],
    again: Gradients | None = None,
) -> Op:
    try:
        forward = Formula.parse(y, signature.inputs)
        lowered = forward.lower(out="y")
        second = None if again is None else Implementation(signature, lowered, again)
        also = second.kept if second else ()
        orders = {"y": as_given}
        reference = Implementation(signature, lowered, gradients, orders=orders, also=also)
    except TypeError as error:
        raise TypeError(f"op {signature.name}: {error}") from None
    shape = Wired(_broadcast, signature.inputs, signature.inputs)
    text = f"{signature.name}({', '.join(signature.inputs)}) = {y}"
    every = (forward, *formulas.values())
    # the kernel takes float32 alone: no truth values, no conditions
    is_compiled = len(formulas) == len(signature.inputs) and all(f.is_compiled for f in every)
    kernel = "elementwise" if is_compiled else None
    both = (forward, formulas)
    return _declared(
        Op(signature, shape, reference, types, False, kernel, samples, text, both, second, True)
    )


@lru_cache(maxsize=4096)  # a step asks for the same few again and again: 0.1 us instead of 3
def _broadcast(*shapes: Shape) -> Shape:
    return np.broadcast_shapes(*shapes)


def _declared(op: Op) -> Op:
    if not op.samples:
        raise TypeError(f"op {op.name}: there are no samples to test it with")
    if op.name in OPS:
        raise TypeError(f"op {op.name} is declared twice")
    OPS[op.name] = op
    return op
