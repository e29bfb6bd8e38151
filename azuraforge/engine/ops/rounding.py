"""Rounding, signs, remainders and bounds, by their formulas."""

from __future__ import annotations

from azuraforge.engine.ops.declare import elementwise, truth

FAR = (-9999.7, -100.3, 100.3, 9999.7)  # extremes between the steps

floor = elementwise("floor(x)", y="floor(x)", x="0 * g", extremes=FAR)
ceil = elementwise("ceil(x)", y="ceil(x)", x="0 * g", extremes=FAR)
trunc = elementwise("trunc(x)", y="trunc(x)", x="0 * g", extremes=FAR)
round = elementwise("round(x)", y="round(x)", x="0 * g")  # halves to the even neighbour
frac = elementwise("frac(x)", y="x - trunc(x)", x="g", extremes=(-100.25, 100.75))
sign = elementwise("sign(x)", y="sign(x)", x="0 * g")
copysign = elementwise(
    "copysign(a, b)",
    y="copysign(a, b)",
    a="0 * g if a == 0 else g * sign(a) * copysign(1, b)",
    b="0 * g",
)
fmod = elementwise(
    "fmod(a, b)", y="fmod(a, b)", a="g", b="-g * trunc(a / b)", domain=(0.5, 3.0), extremes=(7.3,)
)
remainder = elementwise(
    "remainder(a, b)",
    y="remainder(a, b)",
    a="g",
    b="-g * floor(a / b)",
    domain=(0.5, 3.0),
    extremes=(7.3,),
)
fmax = elementwise(  # the other one where one is NaN
    "fmax(a, b)",
    y="fmax(a, b)",
    a="g if a >= b else (g if isnan(b) else 0)",
    b="g if b > a else (g if isnan(a) else 0)",
)
fmin = elementwise(
    "fmin(a, b)",
    y="fmin(a, b)",
    a="g if a <= b else (g if isnan(b) else 0)",
    b="g if b < a else (g if isnan(a) else 0)",
)
clamp_min = elementwise(
    "clamp_min(x, low)", y="maximum(x, low)", x="g if x >= low else 0", low="g if x < low else 0"
)
clamp_max = elementwise(
    "clamp_max(x, high)",
    y="minimum(x, high)",
    x="g if x <= high else 0",
    high="g if x > high else 0",
)
clamp = elementwise(
    "clamp(x, low, high)",
    y="minimum(maximum(x, low), high)",
    x="(g if x >= low else 0) if x <= high else 0",
    low="(g if x < low else 0) if low < high else 0",
    high="g if x > high else (g if low > high else 0)",
)
where = elementwise(
    "where(condition, a, b)",
    y="a if condition else b",
    condition=None,
    a="g if condition else 0",
    b="0 if condition else g",
)
lerp = elementwise(  # from the nearer end, so that w = 1 gives b itself
    "lerp(a, b, w)",
    y="a + w * (b - a) if abs(w) < 0.5 else b - (b - a) * (1 - w)",
    a="g * (1 - w)",
    b="g * w",
    w="g * (b - a)",
    extremes=(-100.0, 100.0),
)

isnan = truth("isnan(x)", y="isnan(x)")
isinf = truth("isinf(x)", y="isinf(x)")
isfinite = truth("isfinite(x)", y="isfinite(x)")
signbit = truth("signbit(x)", y="signbit(x)")
logical_not = truth("logical_not(x)", y="logical_not(x)")
logical_and = truth("logical_and(a, b)", y="logical_and(a, b)")
logical_or = truth("logical_or(a, b)", y="logical_or(a, b)")
logical_xor = truth("logical_xor(a, b)", y="logical_xor(a, b)")
