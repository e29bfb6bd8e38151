"""Public functions of tensors: declared here, found by name in `azuraforge` and as methods.

A function is plain Python over Tensors and ops, so its gradients, of any order, are those of the
ops it is made of. `function` gives what it raises a name and the shapes it was called with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from azuraforge.engine.tensor import Tensor
from azuraforge.errors import AzuraForgeError, DTypeError, ShapeError

F = TypeVar("F", bound=Callable[..., Any])
FUNCTIONS: dict[str, Callable[..., Any]] = {}  # by dotted name, filled at import


def function(name: str, *, many: str = "") -> Callable[[F], F]:
    """Make a function public under a name, dotted for those of a namespace.

    `many` is the keyword for what else is given one by one: flip(x, 0, 1), flip(x, dims=(0, 1)).
    """

    def declare(body: F) -> F:
        @wraps(body)
        def call(*args: Any, **options: Any) -> Any:
            if many in options:
                args = (*args, options.pop(many))
            try:
                return body(*args, **options)
            except AzuraForgeError as error:
                if str(error).startswith(f"{name}: "):
                    raise
                raise type(error)(f"{name}: {error}") from error
            except TypeError as error:
                raise DTypeError(f"{name}({_told(args, options)}): {error}") from error
            except (ValueError, IndexError) as error:
                raise ShapeError(f"{name}({_told(args, options)}): {error}") from error

        if name in FUNCTIONS:
            raise TypeError(f"function {name} is declared twice")
        FUNCTIONS[name] = call
        return cast(F, call)

    return declare


def alias(*names: str, of: str) -> None:
    """Make a function public under further names, by which its errors are known then."""
    for name in names:
        function(name)(FUNCTIONS[of].__wrapped__)  # type: ignore[attr-defined]


def publish(**functions: Callable[..., Any]) -> None:
    """Make functions public under their keywords, with the names of their errors."""
    for name, body in functions.items():
        function(name)(body)


def _told(args: tuple[Any, ...], options: dict[str, Any]) -> str:
    """The arguments as a person would tell them: shapes and types of tensors, values of others."""
    each = [_one(x) for x in args]
    return ", ".join([*each, *(f"{key}={_one(x)}" for key, x in options.items())])


def _one(x: Any) -> str:
    if isinstance(x, Tensor | np.ndarray):
        return f"{x.dtype} {tuple(x.shape)}"
    if isinstance(x, list | tuple) and any(isinstance(each, Tensor) for each in x):
        return f"[{', '.join(map(_one, x))}]"
    return repr(x)


def tensor_of(x: Any, what: str = "input") -> Tensor:
    """`x` itself. Raises: DTypeError unless it is a Tensor."""
    if not isinstance(x, Tensor):
        raise DTypeError(f"{what} is {x!r}, a {type(x).__name__}; allowed: a Tensor")
    return x


def axis_of(dim: Any, ndim: int, what: str = "dim") -> int:
    """An axis counted from the front. Raises: ShapeError outside -ndim to ndim - 1."""
    if isinstance(dim, bool) or not isinstance(dim, int | np.integer):
        raise DTypeError(f"{what} is {dim!r}; allowed: a whole number")
    size = max(ndim, 1)  # a number counts as having one axis
    if not -size <= dim < size:
        raise ShapeError(f"{what} {dim} is out of range; allowed: {-size} to {size - 1}")
    return int(dim) % size


def axes_of(dim: Any, ndim: int) -> tuple[int, ...]:
    """Axes counted from the front; all of them for None or none.

    Raises: ShapeError for one that is out of range or comes twice.
    """
    given = () if dim is None else tuple(dim) if isinstance(dim, list | tuple) else (dim,)
    found = tuple(axis_of(d, ndim) for d in given)
    if len(set(found)) < len(found):
        raise ShapeError(f"dim {dim} names an axis twice")
    return found if found and ndim else tuple(range(ndim))


def sizes_of(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one, or as one sequence."""
    if len(sizes) == 1 and isinstance(sizes[0], list | tuple):
        sizes = tuple(sizes[0])
    for n in sizes:
        if isinstance(n, bool) or not isinstance(n, int | np.integer):
            raise DTypeError(f"size {n!r} is {type(n).__name__}; allowed: whole numbers")
    return tuple(int(n) for n in sizes)
