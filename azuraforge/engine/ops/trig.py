"""Trigonometric and hyperbolic functions, by their formulas."""

from __future__ import annotations

from azuraforge.engine.ops.declare import elementwise

SMALL = (-100.0, 100.0)  # extremes where the function itself stays finite

sin = elementwise("sin(x)", y="sin(x)", x="g * cos(x)", extremes=SMALL)
cos = elementwise("cos(x)", y="cos(x)", x="-g * sin(x)", extremes=SMALL)
tan = elementwise("tan(x)", y="tan(x)", x="g * (1 + y * y)", domain=(-1.2, 1.2), extremes=())
asin = elementwise("asin(x)", y="asin(x)", x="g / sqrt(1 - x * x)", domain=(-0.9, 0.9), extremes=())
acos = elementwise(
    "acos(x)", y="acos(x)", x="-g / sqrt(1 - x * x)", domain=(-0.9, 0.9), extremes=()
)
atan = elementwise("atan(x)", y="atan(x)", x="g / (1 + x * x)")
atan2 = elementwise(
    "atan2(a, b)",
    y="atan2(a, b)",
    a="g * b / (a * a + b * b)",
    b="-g * a / (a * a + b * b)",
    domain=(0.5, 3.0),
)
sinh = elementwise("sinh(x)", y="sinh(x)", x="g * cosh(x)", extremes=(-50.0, 50.0))
cosh = elementwise("cosh(x)", y="cosh(x)", x="g * sinh(x)", extremes=(-50.0, 50.0))
asinh = elementwise("asinh(x)", y="asinh(x)", x="g / sqrt(x * x + 1)")
acosh = elementwise(
    "acosh(x)", y="acosh(x)", x="g / sqrt(x * x - 1)", domain=(1.1, 4.0), extremes=(1e4,)
)
atanh = elementwise("atanh(x)", y="atanh(x)", x="g / (1 - x * x)", domain=(-0.9, 0.9), extremes=())
sinc = elementwise(  # sin(πx) / πx, 1 at 0
    "sinc(x)",
    y="1 if x == 0 else sin(3.141592653589793 * x) / (3.141592653589793 * x)",
    x="0 * g if x == 0 else g * (cos(3.141592653589793 * x) - y) / x",
    extremes=SMALL,
)
