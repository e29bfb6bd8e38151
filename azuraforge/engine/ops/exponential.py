"""Powers, exponentials and logarithms beyond exp, log and sqrt, by their formulas."""

from __future__ import annotations

from azuraforge.engine.ops.declare import elementwise

exp2 = elementwise("exp2(x)", y="exp2(x)", x="0.6931471805599453 * g * y", extremes=(-100.0, 50.0))
expm1 = elementwise("expm1(x)", y="expm1(x)", x="g * (y + 1)", extremes=(-100.0, 50.0))
log1p = elementwise(
    "log1p(x)", y="log1p(x)", x="g / (x + 1)", domain=(-0.8, 3.0), extremes=(1e-6, 1e4)
)
log2 = elementwise(
    "log2(x)", y="log2(x)", x="1.4426950408889634 * g / x", domain=(0.1, 3.0), extremes=(1e-4, 1e4)
)
log10 = elementwise(
    "log10(x)",
    y="log10(x)",
    x="0.4342944819032518 * g / x",
    domain=(0.1, 3.0),
    extremes=(1e-4, 1e4),
)
rsqrt = elementwise(
    "rsqrt(x)",
    y="1 / sqrt(x)",
    x="-0.5 * g * y * y * y",
    domain=(0.1, 3.0),
    extremes=(1e-4, 1e4),
)
reciprocal = elementwise(
    "reciprocal(x)", y="1 / x", x="-g * y * y", domain=(0.5, 3.0), extremes=(1e4,)
)
logaddexp = elementwise(  # the exponents are at most 0
    "logaddexp(a, b)",
    y="logaddexp(a, b)",
    a="g / (1 + exp(b - a))",
    b="g / (1 + exp(a - b))",
    again={  # finite where exp is not
        "a": lambda xp, g, a, b: g * xp.sigmoid(a - b),
        "b": lambda xp, g, a, b: g * xp.sigmoid(b - a),
    },
)
logaddexp2 = elementwise(
    "logaddexp2(a, b)",
    y="logaddexp2(a, b)",
    a="g / (1 + exp2(b - a))",
    b="g / (1 + exp2(a - b))",
    extremes=(-100.0, 100.0),
)
hypot = elementwise(
    "hypot(a, b)",
    y="hypot(a, b)",
    a="0 * g if y == 0 else g * a / y",
    b="0 * g if y == 0 else g * b / y",
    domain=(0.5, 3.0),
)
xlogy = elementwise(  # 0 for a = 0, whatever b is, but NaN
    "xlogy(a, b)",
    y="(b if isnan(b) else a * b * 0 if isnan(a) else 0) if a == 0 else a * log(b)",
    a="0 * g if (0 if b <= 0 else 1) < (1 if a == 0 else 0) else g * log(b)",
    b="g * a / b",
    domain=(0.5, 3.0),
    extremes=(),
)
xlog1py = elementwise(
    "xlog1py(a, b)",
    y="(b if isnan(b) else 0) if a == 0 else a * log1p(b)",
    a="0 * g if (0 if b <= -1 else 1) < (1 if a == 0 else 0) else g * log1p(b)",
    b="g * a / (b + 1)",
    domain=(0.5, 3.0),
    extremes=(),
)
