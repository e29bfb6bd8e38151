"""NumPy's functions as ops over Recorded: the `xp` of gradients that leave a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

from azuraforge.engine.grad.recorded import Recorded, as_recorded, broadcast_to, plain
from azuraforge.engine.ops import OPS, matmul, shape
from azuraforge.engine.ops.assign import additem
from azuraforge.engine.replay import tape
from azuraforge.errors import GradientError

OP_NAMES = {  # NumPy's name -> the op's, where they differ
    "absolute": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "divide": "div",
    "multiply": "mul",
    "negative": "neg",
    "power": "pow",
    "subtract": "sub",
    "true_divide": "div",
}
FLAT = """
    all any arange argmax argmin argsort bincount ceil count_nonzero digitize empty empty_like equal
    eye floor floor_divide full full_like greater greater_equal identity indices invert isclose
    isfinite isinf isnan less less_equal logical_and logical_not logical_or logical_xor nonzero
    not_equal ones ones_like rint round searchsorted sign signbit tri tril_indices triu_indices
    trunc unravel_index zeros zeros_like
""".split()  # functions whose derivative is zero wherever there is one: on the arrays themselves


class Namespace:
    """`xp` over Recorded, with arrays of the module `real`; what it lacks is a GradientError."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.add = _Add(self)

    def __getattr__(self, name: str) -> Any:
        if name in FLAT:
            return lambda *args, **named: self._flat(getattr(self._real, name), args, named)
        if OP_NAMES.get(name, name) in OPS:
            return partial(self._apply, OP_NAMES.get(name, name))
        found = getattr(self._real, name, None)
        if found is None or (callable(found) and not isinstance(found, type)):
            raise GradientError(
                f"a gradient that is to be differentiated uses {name}(), which is no op; give its "
                "op gradients made of ops, as `again`"
            )
        return found

    def pull(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Recorded],
        outer: Sequence[Recorded],
        needs: Sequence[bool],
    ) -> tuple[Recorded | None, ...]:
        """The gradients of inputs of a function made of ops, from those of its outputs."""
        from azuraforge.engine.grad.higher import pull  # here: that module builds on this one

        return pull(function, inputs, outer, needs)

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        x = x if isinstance(x, Recorded) else Recorded(self._real.asarray(x))
        return x if dtype is None else x.astype(dtype)

    ascontiguousarray = asarray

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        like = a if isinstance(a, Recorded) else b
        if not isinstance(like, Recorded):
            return Recorded(self._real.where(plain(condition), a, b))
        return OPS["where"](Recorded(plain(condition)), as_recorded(a, like), as_recorded(b, like))

    def copyto(self, to: Recorded, x: Any, where: Any = True) -> None:
        to.become(x if where is True else self.where(where, x, to))

    def matmul(self, a: Any, b: Any, out: Any = None) -> Any:
        return _into(out, matmul.matmul(a, b))

    def dot(self, a: Any, b: Any) -> Any:
        return a @ b

    def square(self, x: Recorded, out: Any = None) -> Any:
        return _into(out, x * x)

    def sum(self, x: Recorded, axis: Any = None, keepdims: bool = False, out: Any = None) -> Any:
        return _into(out, x.sum(axis, keepdims))

    def mean(self, x: Recorded, axis: Any = None, keepdims: bool = False) -> Any:
        return x.mean(axis, keepdims)

    def amax(self, x: Recorded, axis: Any = None, keepdims: bool = False) -> Any:
        return x.max(axis, keepdims)

    def amin(self, x: Recorded, axis: Any = None, keepdims: bool = False) -> Any:
        return x.min(axis, keepdims)

    max, min = amax, amin

    def broadcast_to(self, x: Any, shape: Sequence[int]) -> Recorded:
        return broadcast_to(self.asarray(x), tuple(shape))

    def reshape(self, x: Recorded, shape: Any) -> Any:
        return x.reshape(shape)

    def ravel(self, x: Recorded) -> Any:
        return x.ravel()

    def transpose(self, x: Recorded, axes: Any = None) -> Any:
        return x.transpose(*(() if axes is None else (axes,)))

    permute_dims = transpose

    def swapaxes(self, x: Recorded, one: int, other: int) -> Any:
        return x.swapaxes(one, other)

    def moveaxis(self, x: Recorded, source: Any, destination: Any) -> Any:
        places = np.moveaxis(np.empty((0,) * x.ndim + (1,)), -1, -1).shape[:-1]
        order = list(range(len(places)))
        froms = [source] if isinstance(source, int) else list(source)
        tos = [destination] if isinstance(destination, int) else list(destination)
        rest = [axis for axis in order if axis not in [f % x.ndim for f in froms]]
        for to, axis in sorted((t % x.ndim, f % x.ndim) for t, f in zip(tos, froms, strict=True)):
            rest.insert(to, axis)
        return x.transpose(tuple(rest))

    def expand_dims(self, x: Recorded, axis: Any) -> Any:
        return x.reshape(np.expand_dims(np.empty(x.shape, np.bool_), axis).shape)

    def squeeze(self, x: Recorded, axis: Any = None) -> Any:
        return x.reshape(np.squeeze(np.empty(x.shape, np.bool_), axis).shape)

    def concatenate(self, xs: Sequence[Any], axis: int = 0, out: Any = None) -> Any:
        return _into(out, shape.cat(*self._alike(xs), axis=axis))

    def stack(self, xs: Sequence[Any], axis: int = 0, out: Any = None) -> Any:
        return _into(out, shape.stack(*self._alike(xs), axis=axis))

    def split(self, x: Recorded, ends: Any, axis: int = 0) -> list[Any]:
        size, before = x.shape[axis], (slice(None),) * (axis % x.ndim)
        places = range(size // ends, size, size // ends) if isinstance(ends, int) else ends
        stops = [0, *places, size]
        return [x[(*before, slice(a, b))] for a, b in pairwise(stops)]

    def flip(self, x: Recorded, axis: Any = None) -> Any:
        axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        turned = [a % x.ndim for a in axes]
        return x[tuple(slice(None, None, -1 if a in turned else 1) for a in range(x.ndim))]

    def take_along_axis(self, x: Recorded, index: Any, axis: int) -> Any:
        return x[_along(plain(index), axis)]

    def put_along_axis(self, x: Recorded, index: Any, values: Any, axis: int) -> None:
        x[_along(plain(index), axis)] = values

    def tril(self, x: Recorded, k: int = 0) -> Any:
        return self.where(np.tri(x.shape[-2], x.shape[-1], k, dtype=np.bool_), x, 0)

    def triu(self, x: Recorded, k: int = 0) -> Any:
        return self.where(np.tri(x.shape[-2], x.shape[-1], k - 1, dtype=np.bool_), 0, x)

    def _apply(self, name: str, *args: Any, out: Any = None, **attributes: Any) -> Any:
        if all(isinstance(x, int | float) for x in args):
            return float(OPS[name](*map(np.float64, args)))  # numbers in a formula stay numbers
        if not any(isinstance(x, Recorded) for x in args):
            args = (self.asarray(args[0]), *args[1:])
        return _into(out, OPS[name](*args, **attributes))

    def _flat(self, function: Any, args: Any, named: dict[str, Any]) -> Any:
        out = named.pop("out", None)
        call = partial(function, **{k: plain(v) for k, v in named.items()})
        given = list(map(plain, args))
        found = call(*given)
        if isinstance(found, tuple):
            return found
        if tape.current() is not None and any(isinstance(x, Recorded) for x in args):
            found = tape.compute(call, *given)
        return _into(out, Recorded(self._real.asarray(found)))

    def _alike(self, xs: Sequence[Any]) -> list[Recorded]:
        return [self.asarray(x) for x in xs]


class _Add:
    """xp.add, and xp.add.at."""

    def __init__(self, xp: Namespace) -> None:
        self._xp = xp

    def __call__(self, a: Any, b: Any, out: Any = None) -> Any:
        return _into(out, self._xp._apply("add", a, b))

    def at(self, x: Recorded, index: Any, values: Any) -> None:
        x.become(additem(x, as_recorded(values, x), index=plain(index)))


@cache
def namespace(real: Any) -> Namespace:
    """The functions for arrays of NumPy, or of CuPy."""
    return Namespace(real)


def _along(index: Any, axis: int) -> tuple[Any, ...]:
    """The index that takes elements along an axis, beside the grid of the others."""
    grid = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[axis] = index
    return tuple(grid)


def _into(out: Recorded | None, result: Any) -> Any:
    if out is not None:
        out.become(result)
    return result if out is None else out
