"""Products with Jacobians and Hessians, and these matrices themselves, under PyTorch's names.

`func` takes one tensor or several and gives one or several; what comes back has the same structure.
With `create_graph` the results can be differentiated in turn, with respect to the inputs too. With
`strict`, an output that does not depend on an input is an error and not zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.grad.higher import grad
from azuraforge.engine.grad.modes import enable_grad
from azuraforge.engine.ops.shape import reshape, stack
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DTypeError, GradientError, ShapeError

Tensors = Tensor | tuple[Tensor, ...]
Function = Callable[..., Any]

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def vjp(
    func: Function,
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The outputs, and v times the Jacobian; v is 1 for a single number.

    Shape:  v as the outputs -> as the outputs, as the inputs
    Raises: ShapeError for v that does not fit; GradientError as `strict` says.
    """
    with enable_grad():
        xs = _own(inputs, create_graph)
        ys = _outputs(func, xs, "vjp")
        weights = _weights(v, ys, "vjp")
        found = _gradients(ys, xs, weights, create_graph, strict, "vjp")
    return _as(_several(ys), ys, create_graph), _like(inputs, found)


def jvp(
    func: Function,
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The outputs, and the Jacobian times v: how the outputs change as the inputs move along v.

    Found by two walks backwards, the second through the first.

    Shape:  v as the inputs -> as the outputs, as the outputs
    Raises: ShapeError for v that does not fit; GradientError as `strict` says.
    """
    with enable_grad():
        xs = _own(inputs, create_graph)
        ys = _outputs(func, xs, "jvp")
        along = _weights(v, xs, "jvp")
        # g -> g J is linear in g; its own gradient, weighted with v, is J v
        free = tuple(Tensor(module_of(y.data).ones_like(y.data), True) for y in _several(ys))
        pulled = _gradients(ys, xs, free, True, strict, "jvp")
        found = _gradients(pulled, free, along, create_graph, strict, "jvp")
    return _as(_several(ys), ys, create_graph), _like(ys, found)


def hvp(
    func: Function,
    inputs: Any,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The number that func gives, and its Hessian times v.

    Shape:  v as the inputs -> (), as the inputs
    Raises: GradientError for a func that gives more than one number; ShapeError for v.
    """
    with enable_grad():
        xs = _own(inputs, create_graph)
        y = _number(_outputs(func, xs, "hvp"), "hvp")
        along = _weights(v, xs, "hvp")
        first = _gradients((y,), xs, (None,), True, strict, "hvp")
        found = _gradients(first, xs, along, create_graph, strict, "hvp")
    return _as((y,), y, create_graph), _like(inputs, found)


vhp = hvp  # a Hessian is symmetric


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian: for each output, for each input, the derivatives of all elements by all.

    One walk backwards for every element of the outputs, whatever `vectorize` and `strategy` say.

    Shape:  (*output, *input), in tuples where there are several
    Raises: GradientError as `strict` says.
    """
    with enable_grad():
        xs = _own(inputs, create_graph)
        ys = _outputs(func, xs, "jacobian")
        each = [rows(y, xs, create_graph, "jacobian", strict) for y in _several(ys)]
    return _like(ys, [_like(inputs, found) for found in each])


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a func that gives one number.

    Shape:  (*input, *input), in tuples of tuples where there are several
    Raises: GradientError for a func that gives more than one number, and as `strict` says.
    """
    with enable_grad():
        xs = _own(inputs, create_graph)
        y = _number(_outputs(func, xs, "hessian"), "hessian")
        first = _gradients((y,), xs, (None,), True, strict, "hessian")
        each = [rows(g, xs, create_graph, "hessian", strict) for g in first]
    return _like(inputs, [_like(inputs, found) for found in each])


def rows(
    y: Tensor, xs: Sequence[Tensor], create_graph: bool, who: str, strict: bool = False
) -> list[Tensor]:
    """The derivatives of every element of y by each x, one element after the other."""
    xp = module_of(y.data)
    each: list[list[Tensor]] = []
    for place in np.ndindex(y.shape):
        one = xp.zeros(y.shape, y.dtype)
        one[place] = 1
        each.append(_gradients((y,), xs, (Tensor(one),), create_graph, strict, who))
    if not each:
        return [Tensor(xp.zeros((*y.shape, *x.shape), x.dtype)) for x in xs]
    return [
        reshape(stack(*found), shape=(*y.shape, *x.shape))
        for found, x in zip(zip(*each, strict=True), xs, strict=True)
    ]


def _gradients(
    ys: Any,
    xs: Sequence[Tensor],
    weights: Sequence[Tensor | None],
    create_graph: bool,
    strict: bool,
    who: str,
) -> list[Tensor]:
    """The gradients, zeros where there is none unless that is an error."""
    pairs = [(y, g) for y, g in zip(_several(ys), weights, strict=True) if y.requires_grad]
    if strict and len(pairs) < len(weights):
        raise GradientError(f"{who}: an output does not depend on any input, and strict is True")
    if not pairs:
        return [_zeros(x) for x in xs]
    roots, outer = zip(*pairs, strict=True)
    found = grad(roots, xs, outer, retain_graph=True, create_graph=create_graph, allow_unused=True)
    if strict and None in [None if g is None else 1 for g in found]:
        place = next(i for i, g in enumerate(found) if g is None)
        raise GradientError(f"{who}: no output depends on input {place}, and strict is True")
    return [_zeros(x) if g is None else g for g, x in zip(found, xs, strict=True)]


def _own(inputs: Any, create_graph: bool) -> tuple[Tensor, ...]:
    """The inputs as tensors whose gradients are asked for; with a graph, they come from them."""
    xs = _several(inputs)
    for i, x in enumerate(xs):
        if not isinstance(x, Tensor) or x.dtype.kind not in "fc":
            said = str(x.dtype) if isinstance(x, Tensor) else type(x).__name__
            raise DTypeError(f"input {i} is {said}; allowed: a Tensor of floating numbers")
    return tuple(
        reshape(x, shape=x.shape) if create_graph and x.requires_grad else Tensor(x.data, True)
        for x in xs
    )


def _outputs(func: Function, xs: tuple[Tensor, ...], who: str) -> Tensors:
    made = func(*xs)
    made = tuple(made) if isinstance(made, list) else made
    for y in _several(made):
        if not isinstance(y, Tensor):
            raise DTypeError(f"{who}: func gave a {type(y).__name__}; allowed: Tensors")
    result: Tensors = made
    return result


def _number(y: Tensors, who: str) -> Tensor:
    if not isinstance(y, Tensor) or y.data.size != 1:
        said = y.shape if isinstance(y, Tensor) else f"{len(y)} tensors"
        raise GradientError(f"{who}: func gave {said}; allowed: a Tensor of one number")
    return y


def _weights(v: Any, like: Any, who: str) -> tuple[Tensor, ...]:
    """What the sum is weighted with. Raises: ShapeError for other shapes than those of `like`."""
    several = _several(like)
    if v is None:
        if len(several) != 1 or several[0].data.size != 1:
            shapes = ", ".join(str(y.shape) for y in several)
            raise ShapeError(f"{who}: v is needed for {shapes}; it is 1 for a single number alone")
        return (Tensor(module_of(several[0].data).ones_like(several[0].data)),)
    weights = _several(v)
    given, wanted = [g.shape for g in weights], [y.shape for y in several]
    if given != wanted:
        raise ShapeError(f"{who}: v has the shapes {given}; allowed: {wanted}")
    return weights


def _zeros(x: Tensor) -> Tensor:
    return Tensor(module_of(x.data).zeros_like(x.data))


def _several(given: Any) -> tuple[Any, ...]:
    return tuple(given) if isinstance(given, tuple | list) else (given,)


def _like(given: Any, found: Sequence[Any]) -> Any:
    return tuple(found) if isinstance(given, tuple | list) else found[0]


def _as(ys: Sequence[Tensor], like: Any, create_graph: bool) -> Any:
    """The outputs as the caller gets them: without their past unless there is to be a graph."""
    return _like(like, [y if create_graph else y.detach() for y in ys])
