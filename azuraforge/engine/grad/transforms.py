"""Functions made of functions: their gradients, Jacobians and Hessians, as torch.func makes them.

Arguments and results may be tensors in dicts, lists and tuples. Per-sample gradients are

    def loss(params, x, y):
        return cross_entropy(functional_call(model, params, (x[None],)), y[None])

    each = vmap(grad(loss), in_dims=(None, 0, 0))(dict(model.named_parameters()), x, y)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from azuraforge.engine.device import module_of
from azuraforge.engine.grad import derivatives, higher
from azuraforge.engine.grad.autograd import Node
from azuraforge.engine.grad.derivatives import rows
from azuraforge.engine.grad.modes import enable_grad, is_grad_enabled
from azuraforge.engine.grad.tree import leaves, mapped, refilled
from azuraforge.engine.ops.shape import reshape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, GradientError

Function = Callable[..., Any]
Places = int | tuple[int, ...]

__all__ = [
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "vjp",
]


def grad(func: Function, argnums: Places = 0, has_aux: bool = False) -> Function:
    """The function that gives the gradient of func, which gives one number.

    It is with respect to the arguments numbered in `argnums`. With `has_aux`, func gives
    (number, aux), and the function (gradient, aux).
    """
    with_value = grad_and_value(func, argnums, has_aux)

    @wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = with_value(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(func: Function, argnums: Places = 0, has_aux: bool = False) -> Function:
    """The function that gives the gradient of func and what func gives, as `grad` says."""

    @wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        is_recorded = is_grad_enabled()
        with enable_grad():
            chosen, own, given = _opened(args, argnums)
            value = func(*given, **kwargs)
            y = value[0] if has_aux else value
            if not isinstance(y, Tensor) or y.data.size != 1:
                said = y.shape if isinstance(y, Tensor) else type(y).__name__
                raise GradientError(f"grad: func gave {said}; allowed: a Tensor of one number")
            keeps = is_recorded and _needs_more([y], own)
            found = _pulled([y], own, [None], keeps)
        return refilled(chosen, found), value if keeps else _detached(value)

    return both


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """What func gives, and the function that takes a gradient of that to those of the primals."""
    is_recorded = is_grad_enabled()
    with enable_grad():
        chosen, own, given = _opened(primals, tuple(range(len(primals))))
        value = func(*given)
    y = value[0] if has_aux else value
    keeps = is_recorded and _needs_more(leaves(y), own)

    def pull(cotangents: Any) -> Any:
        outer = leaves(cotangents)
        is_more = is_grad_enabled() and any(g.requires_grad for g in outer)
        with enable_grad():
            return refilled(chosen, _pulled(leaves(y), own, outer, keeps or is_more))

    told = value if keeps else _detached(value)
    return (told[0], pull, told[1]) if has_aux else (told, pull)


def jvp(func: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """What func gives for the primals, and how that changes as they move along the tangents."""
    shape: list[Any] = []

    def flat(*xs: Tensor) -> tuple[Any, ...]:
        shape[:] = [func(*refilled(tuple(primals), xs))]
        return tuple(leaves(shape[0]))

    create = is_grad_enabled() and any(x.requires_grad for x in leaves((primals, tangents)))
    ys, moved = derivatives.jvp(
        flat, tuple(leaves(primals)), tuple(leaves(tangents)), create_graph=create
    )
    return refilled(shape[0], ys), refilled(shape[0], moved)


def jacrev(func: Function, argnums: Places = 0, has_aux: bool = False) -> Function:
    """The function that gives the Jacobian of func, one walk backwards per element of its result.

    Shape: (*output, *input) for every output and every argument in `argnums`
    """

    @wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        is_recorded = is_grad_enabled()
        with enable_grad():
            chosen, own, given = _opened(args, argnums)
            value = func(*given, **kwargs)
            y = value[0] if has_aux else value
            keeps = is_recorded and _needs_more(leaves(y), own)
            found = mapped(lambda each: refilled(chosen, rows(each, own, keeps, "jacrev")), y)
        aux = value[1] if has_aux else None
        return (found, aux if keeps else _detached(aux)) if has_aux else found

    return jacobian


jacfwd = jacrev  # the same matrix; there is no forward mode here


def hessian(func: Function, argnums: Places = 0) -> Function:
    """The function that gives the Hessian of func, which gives one number."""
    return jacrev(jacrev(func, argnums), argnums)


def _opened(args: Sequence[Any], argnums: Places) -> tuple[Any, list[Tensor], list[Any]]:
    """The chosen arguments, tensors of our own for what is in them, and all arguments with these.

    Ours come from the given ones where these need a gradient, for what is around this.
    """
    places = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if not all(-len(args) <= i < len(args) for i in places):
        raise ConfigError(f"argnums is {argnums}; allowed: below {len(args)}, the arguments")
    given = list(args)
    for i in places:
        given[i] = mapped(_leaf, given[i])
    chosen = tuple(given[i] for i in places)
    own = leaves(chosen)
    return chosen[0] if isinstance(argnums, int) else chosen, own, given


def _leaf(x: Any) -> Tensor:
    if not isinstance(x, Tensor) or x.dtype.kind not in "fc":
        said = str(x.dtype) if isinstance(x, Tensor) else type(x).__name__
        raise DTypeError(f"an argument holds {said}; allowed: Tensors of floating numbers")
    return reshape(x, shape=x.shape) if x.requires_grad else Tensor(x.data, True)


def _pulled(
    ys: Sequence[Tensor], own: Sequence[Tensor], outer: Sequence[Tensor | None], keeps: bool
) -> list[Tensor]:
    pairs = [(y, g) for y, g in zip(ys, outer, strict=True) if y.requires_grad]
    if not pairs:
        return [Tensor(module_of(x.data).zeros_like(x.data)) for x in own]
    roots, weights = zip(*pairs, strict=True)
    found = higher.grad(
        roots, own, weights, retain_graph=True, create_graph=keeps, materialize_grads=True
    )
    return [x for x in found if x is not None]


def _needs_more(ys: Sequence[Tensor], own: Sequence[Tensor]) -> bool:
    """Whether tensors other than our own need gradients: then ours have to be differentiable."""
    stack: list[Any] = [y if y.node is None else y.node for y in ys]
    mine, seen = {id(x) for x in own}, set(map(id, stack))
    while stack:
        node = stack.pop()
        if not isinstance(node, Node):
            if id(node) not in mine:
                return True
            continue
        for target in node.sources:
            if target is not None and id(target[0]) not in seen:
                seen.add(id(target[0]))
                stack.append(target[0])
    return False


def _detached(results: Any) -> Any:
    """Results without their past, which leads to tensors of our own alone."""
    return mapped(lambda y: y.detach() if isinstance(y, Tensor) else y, results)
