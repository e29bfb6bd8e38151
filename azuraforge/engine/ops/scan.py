"""Running sums, products and largest values along an axis, and products over one."""

from __future__ import annotations

from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.elementwise import exp, log
from azuraforge.engine.ops.op import Op, Shape
from azuraforge.engine.ops.rounding import where
from azuraforge.engine.ops.sample import Sample, distinct, fixed, normal, uniform
from azuraforge.engine.ops.shape import cat, expand, flip, getitem, reshape
from azuraforge.errors import ShapeError


def along(x: Shape, axis: int) -> Shape:
    """The shape itself. Raises: ShapeError for an axis that it does not have."""
    if not -len(x) <= axis < len(x):
        raise ShapeError(f"dim {axis} of shape {x}; allowed: {-len(x)} to {len(x) - 1}")
    return x


def part(x: Any, axis: int, begin: int | None, end: int | None) -> Any:
    """What lies between two places along an axis."""
    return getitem(x, index=(*(slice(None),) * (axis % len(x.shape)), slice(begin, end)))


def _backwards(scan: Op, x: Any, axis: int) -> Any:
    return flip(scan(flip(x, axes=(axis,)), axis=axis), axes=(axis,))


def _is_zero_free(x: Any) -> bool:
    return bool((getattr(x, "data", x) != 0).all()) if not hasattr(x, "ctypes") else bool(x.all())


def _cumprod_gradient(xp: Any, g: Any, x: Any, y: Any, axis: int) -> Any:
    """Σ over i ≥ k of g[i] y[i] / x[k]; where an x is 0, by products without x[k] (n² numbers)."""
    if _is_zero_free(x):
        return _backwards(cumsum, g * y, axis) / x
    n = x.shape[axis]
    axis %= len(x.shape)
    tall = (*x.shape[: axis + 1], n, *x.shape[axis + 1 :])
    own = xp.eye(n, dtype=bool).reshape(n, n, *(1,) * (len(tall) - axis - 2))
    rows = expand(_with_axis(x, axis), shape=tall)
    others = cumprod(where(own, 1.0, rows), axis=axis + 1)
    upper = ~xp.tri(n, k=-1, dtype=bool).reshape(own.shape)
    return _total(where(upper, others, 0.0) * _with_axis(g, axis), axis + 1)


def _with_axis(x: Any, axis: int) -> Any:
    return reshape(x, shape=(*x.shape[:axis], 1, *x.shape[axis:]))


def _total(x: Any, axis: int) -> Any:
    """The last of the running sums, without its axis."""
    return getitem(cumsum(x, axis=axis), index=(*(slice(None),) * axis, -1))


def _prod_gradient(xp: Any, g: Any, x: Any, axis: int) -> Any:
    """g times the product of all but the element itself, from both sides."""
    axis %= len(x.shape)
    one = xp.ones((*x.shape[:axis], 1, *x.shape[axis + 1 :]), x.dtype)
    n = x.shape[axis]
    if n == 0:
        return x
    before = cat(one, cumprod(part(x, axis, None, n - 1), axis=axis), axis=axis)
    after = cat(_backwards(cumprod, part(x, axis, 1, None), axis), one, axis=axis)
    return before * after * _with_axis(g, axis)


def _logcumsumexp_gradient(xp: Any, g: Any, x: Any, y: Any, axis: int) -> Any:
    """Σ over i ≥ k of g[i] exp(x[k] - y[i]), for both signs of g, in logarithms."""

    def share(g: Any) -> Any:
        is_positive = g > 0
        weights = where(is_positive, log(where(is_positive, g, 1.0)) - y, -float("inf"))
        total = _backwards(logcumsumexp, weights, axis)
        return exp(total + x)

    return share(g) - share(-g)


_SAMPLES = (
    Sample(normal(3, 4), axis=1),
    Sample(normal(2, 3, 4), axis=-2),
    Sample(normal(3, 1), axis=1),
    Sample(normal(0, 3), axis=1),
)

cumsum: Op = op(
    "cumsum(x, *, axis) -> y",
    shape=along,
    forward=lambda xp, x, y, axis: xp.cumsum(x, axis, out=y),
    grads={"x": lambda xp, g, axis: _backwards(cumsum, g, axis)},
    dtypes={"y": lambda common: common if common.kind in "fc" else "int64"},
    samples=_SAMPLES,
)

cumprod: Op = op(
    "cumprod(x, *, axis) -> y",
    shape=along,
    forward=lambda xp, x, y, axis: xp.cumprod(x, axis, out=y),
    grads={"x": _cumprod_gradient},
    dtypes={"y": lambda common: common if common.kind in "fc" else "int64"},
    is_holomorphic=True,
    samples=(*_SAMPLES, Sample(fixed([[1.5, 0.0, 2.0], [0.0, 0.0, 3.0]]), axis=1)),
)

prod = op(
    "prod(x, *, axis) -> y",
    shape=lambda x, axis: (along(x, axis), (*x[: axis % len(x)], *x[axis % len(x) + 1 :]))[1],
    forward=lambda xp, x, y, axis: xp.prod(x, axis, out=y),
    grads={"x": _prod_gradient},
    dtypes={"y": lambda common: common if common.kind in "fc" else "int64"},
    is_holomorphic=True,
    samples=(*_SAMPLES, Sample(fixed([[1.5, 0.0, 2.0], [0.0, 0.0, 3.0]]), axis=1)),
)


def _logcumsumexp(xp: Any, x: Array, y: Array, axis: int) -> None:
    """Step by step, so that every sum has its own largest value taken out."""
    x, y = xp.moveaxis(x, axis, 0), xp.moveaxis(y, axis, 0)
    if len(x):
        y[0] = x[0]
    for i in range(1, len(x)):
        xp.logaddexp(y[i - 1], x[i], out=y[i])


logcumsumexp: Op = op(
    "logcumsumexp(x, *, axis) -> y",
    shape=along,
    forward=_logcumsumexp,
    grads={"x": _logcumsumexp_gradient},
    samples=(*_SAMPLES, Sample(1e4 * uniform(3, 4), axis=0)),
)


def _running_places(xp: Any, x: Array, y: Array, axis: int, is_better: Any) -> None:
    x, y = xp.moveaxis(x, axis, 0), xp.moveaxis(y, axis, 0)
    if not len(x):
        return
    y[0] = 0
    best = x[0].copy()
    for i in range(1, len(x)):
        wins = is_better(x[i], best) | xp.isnan(x[i])
        y[i] = xp.where(wins, i, y[i - 1])
        best = xp.where(wins, x[i], best)


_PLACES: dict[str, Any] = {
    "shape": along,
    "grads": {"x": None},
    "dtypes": {"y": lambda: "int64"},
    "samples": (Sample(distinct(3, 4), axis=1), Sample(distinct(2, 3, 4), axis=-2)),
}

cummax_places = op(
    "cummax_places(x, *, axis) -> y",
    forward=lambda xp, x, y, axis: _running_places(xp, x, y, axis, xp.greater_equal),
    **_PLACES,
)

cummin_places = op(
    "cummin_places(x, *, axis) -> y",
    forward=lambda xp, x, y, axis: _running_places(xp, x, y, axis, xp.less_equal),
    **_PLACES,
)
