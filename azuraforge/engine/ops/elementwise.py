"""Elementwise ops, by their formulas."""

from __future__ import annotations

from azuraforge.engine.ops.declare import elementwise, truth
from azuraforge.engine.ops.promotion import real_type

add = elementwise("add(a, b)", y="a + b", a="g", b="g")
sub = elementwise("sub(a, b)", y="a - b", a="g", b="-g")
mul = elementwise("mul(a, b)", y="a * b", a="g * b", b="g * a")
div = elementwise("div(a, b)", y="a / b", a="g / b", b="-g * y / b", domain=(0.5, 3.0))
pow = elementwise(
    "pow(a, b)",
    y="a ** b",
    a="0 if b == 0 else g * b * a ** (b - 1)",
    b="0 if a == 0 else g * y * log(a)",
    domain=(0.5, 3.0),
    extremes=(),
)
maximum = elementwise(
    "maximum(a, b)",
    y="maximum(a, b)",
    a="g if a > b else (g / 2 if a == b else 0)",
    b="g if b > a else (g / 2 if a == b else 0)",
)
minimum = elementwise(
    "minimum(a, b)",
    y="minimum(a, b)",
    a="g if a < b else (g / 2 if a == b else 0)",
    b="g if b < a else (g / 2 if a == b else 0)",
)

neg = elementwise("neg(x)", y="-x", x="-g")
exp = elementwise("exp(x)", y="exp(x)", x="g * y", extremes=(-1e4, -100.0, 50.0))
log = elementwise("log(x)", y="log(x)", x="g / x", domain=(0.1, 3.0), extremes=(1e-4, 1e4))
sqrt = elementwise("sqrt(x)", y="sqrt(x)", x="g / (2 * y)", domain=(0.1, 3.0), extremes=(1e-4, 1e4))
abs = elementwise("abs(x)", y="abs(x)", x="g * sign(x)", dtype=real_type)
square = elementwise("square(x)", y="x * x", x="2 * g * x")
tanh = elementwise("tanh(x)", y="tanh(x)", x="g * (1 - y * y)")
sigmoid = elementwise("sigmoid(x)", y="0.5 * tanh(0.5 * x) + 0.5", x="g * y * (1 - y)")
erf = elementwise("erf(x)", y="erf(x)", x="1.1283791670955126 * g * exp(-x * x)")  # 2/√π
# sign(y), not a condition: where() takes 1.3 ms for 346 k elements, this 0.2; NaN stays NaN in both
relu = elementwise("relu(x)", y="maximum(x, 0)", x="g * sign(y)")

gt = truth("gt(a, b)", y="a > b")
ge = truth("ge(a, b)", y="a >= b")
lt = truth("lt(a, b)", y="a < b")
le = truth("le(a, b)", y="a <= b")
eq = truth("eq(a, b)", y="a == b")
ne = truth("ne(a, b)", y="a != b")
