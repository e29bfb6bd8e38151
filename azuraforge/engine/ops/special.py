"""Special functions: of the error function, the gamma function and Bessel's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azuraforge.engine.device import Array
from azuraforge.engine.ops import bessel as bessel_functions
from azuraforge.engine.ops import erf as erf_functions
from azuraforge.engine.ops import gamma
from azuraforge.engine.ops.declare import elementwise, op
from azuraforge.engine.ops.op import Op
from azuraforge.engine.ops.promotion import floating
from azuraforge.engine.ops.rounding import sign, where
from azuraforge.engine.ops.sample import Sample, uniform

erfc = elementwise("erfc(x)", y="erfc(x)", x="-1.1283791670955126 * g * exp(-x * x)")
erfinv = elementwise(
    "erfinv(x)",
    y="erfinv(x)",
    x="0.8862269254527579 * g * exp(y * y)",
    domain=(-0.9, 0.9),
    extremes=(-0.999, 0.999),
)


def _unary(
    name: str,
    function: Callable[[Any, Array], Array],
    gradient: Callable[..., Any],
    low: float = -3.3,
    high: float = 3.3,
) -> Op:
    """An op y = function(x), of the same shape, computed in float64."""

    def forward(xp: Any, x: Array, y: Array) -> None:
        xp.copyto(y, function(xp, x), casting="same_kind")

    return op(
        f"{name}(x) -> y",
        shape=lambda x: x,
        forward=forward,
        grads={"x": gradient},
        dtypes={"y": floating},
        samples=(
            Sample(uniform(3, 4, low=low, high=high)),
            Sample(uniform(low=low, high=high)),
            Sample(uniform(0, 3, low=low, high=high)),
            Sample(uniform(5, low=5.0, high=9.0)),
        ),
    )


def _erfcx(xp: Any, x: Array) -> Array:
    x = xp.asarray(x, xp.float64)
    near = xp.exp(x * x) * erf_functions.erfc(xp, x)
    return xp.where(x < 1, near, erf_functions.scaled_erfc(xp, xp.maximum(x, 1.0)))


def _log_ndtr(xp: Any, x: Array) -> Array:
    z = xp.asarray(x, xp.float64) * 0.7071067811865476
    tail = xp.log(_erfcx(xp, -z) / 2) - z * z
    return xp.where(z < -1, tail, xp.log1p(-erf_functions.erfc(xp, z) / 2))


erfcx = _unary(  # exp(x²) erfc(x)
    "erfcx", _erfcx, lambda xp, g, x, y: g * (2 * x * y - 1.1283791670955126)
)
log_ndtr = _unary(  # log of the normal distribution function
    "log_ndtr",
    _log_ndtr,
    lambda xp, g, x: g * 0.7978845608028654 / erfcx(x * -0.7071067811865476),
)
lgamma = _unary("lgamma", gamma.lgamma, lambda xp, g, x: g * digamma(x), low=0.3)
digamma: Op = _unary("digamma", gamma.digamma, lambda xp, g, x: g * polygamma(x, n=1), low=0.3)
polygamma: Op = op(
    "polygamma(x, *, n) -> y",
    shape=lambda x: x,
    forward=lambda xp, x, y, n: xp.copyto(y, gamma.polygamma(xp, n, x), casting="same_kind"),
    grads={"x": lambda xp, g, x, n: g * polygamma(x, n=n + 1)},
    dtypes={"y": floating},
    samples=tuple(Sample(uniform(3, 4, low=0.3, high=4), n=n) for n in range(4)),
)


def _bessel(order: int) -> Callable[[Any, Array], Array]:
    """I of this order, not scaled."""
    return lambda xp, x: (
        bessel_functions.scaled_bessel(xp, order, x) * xp.exp(xp.abs(xp.asarray(x, xp.float64)))
    )


def _i1_slope(i0: Any, i1: Any, x: Any) -> Any:
    """I0 - I1 / x, which is 1/2 at 0, for scaled ones alike."""
    is_zero = x == 0
    return where(is_zero, 0.5, i0 - i1 / where(is_zero, 1.0, x))


i0 = _unary("i0", _bessel(0), lambda xp, g, x: g * i1(x))
i1: Op = _unary("i1", _bessel(1), lambda xp, g, x, y: g * _i1_slope(i0(x), y, x))
i0e = _unary(
    "i0e",
    lambda xp, x: bessel_functions.scaled_bessel(xp, 0, x),
    lambda xp, g, x, y: g * (i1e(x) - sign(x) * y),
)
i1e: Op = _unary(
    "i1e",
    lambda xp, x: bessel_functions.scaled_bessel(xp, 1, x),
    lambda xp, g, x, y: g * (_i1_slope(i0e(x), y, x) - sign(x) * y),
)
entr = elementwise(  # -x log(x), 0 at 0
    "entr(x)",
    y="-x * log(x) if x > 0 else (x if isnan(x) else (0 if x == 0 else -1 / (0 * x)))",
    x="g * (-log(x) - 1)",
    domain=(0.1, 3.0),
    extremes=(),
)
