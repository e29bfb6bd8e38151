"""Activations."""

from __future__ import annotations

from typing import Any, Literal, cast

from azuraforge.engine.ops import activation, elementwise, exponential, rounding
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_softmax",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
]


def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return cast(Tensor, elementwise.relu(x))


def tanh(x: Tensor) -> Tensor:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return x.tanh()


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return x.sigmoid()


def silu(x: Tensor) -> Tensor:
    """x / (1 + exp(-x)). Source: Elfwing, Uchibe and Doya (2018); also known as swish."""
    return cast(Tensor, activation.silu(x))


def gelu(x: Tensor, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """x Φ(x), with Φ the normal distribution function, or its approximation by tanh.

    Source: Hendrycks and Gimpel (2016), Gaussian error linear units.
    """
    if approximate not in ("none", "tanh"):
        raise ConfigError(f"gelu: approximate is {approximate!r}; allowed: 'none', 'tanh'")
    return cast(Tensor, activation.gelu(x) if approximate == "none" else activation.gelu_tanh(x))


def softmax(x: Tensor, dim: int) -> Tensor:
    """exp(x) / Σ exp(x), summed along `dim`."""
    return cast(Tensor, activation.softmax(x, axis=dim))


def log_softmax(x: Tensor, dim: int) -> Tensor:
    """x - log Σ exp(x), summed along `dim`."""
    return cast(Tensor, activation.log_softmax(x, axis=dim))


def hardtanh(x: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x held between min_val and max_val; the gradient is 0 from there on."""
    if not min_val < max_val:
        raise ConfigError(f"hardtanh: min_val {min_val}, max_val {max_val}; allowed: min below max")
    return where(x <= min_val, min_val, where(x >= max_val, max_val, x))


def relu6(x: Tensor) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(x, 0.0, 6.0)


def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x where it is positive, else negative_slope x."""
    return where(x > 0, x, x * negative_slope)


def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """x where it is positive, else weight x, with one weight, or one per channel (axis 1).

    Raises: ShapeError.
    Source: He et al. (2015), Delving deep into rectifiers.
    """
    count = weight.data.size
    if count == 1:
        return where(x > 0, x, x * weight.reshape(*(1,) * x.ndim))
    if x.ndim < 2 or x.shape[1] != count:
        raise ShapeError(
            f"prelu: input {x.shape}, weight {weight.shape}; allowed: one weight, or as many as "
            "there are channels on axis 1"
        )
    return where(x > 0, x, x * weight.reshape(1, count, *(1,) * (x.ndim - 2)))


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else alpha (exp(x) - 1).

    Source: Clevert, Unterthiner and Hochreiter (2016), Exponential linear units.
    """
    return where(x > 0, x, _expm1_below(x) * alpha)


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else alpha (exp(x / alpha) - 1). Source: Barron (2017)."""
    if not alpha:
        raise ConfigError("celu: alpha is 0; allowed: any other number")
    return where(x > 0, x, _expm1_below(x / alpha) * alpha)


def selu(x: Tensor) -> Tensor:
    """elu with the scale and alpha that keep mean 0 and variance 1.

    Source: Klambauer et al. (2017), Self-normalizing neural networks.
    """
    return elu(x, 1.6732632423543772848170429916717) * 1.0507009873554804934193349852946


def softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x is above threshold."""
    scaled = x * beta
    return where(scaled > threshold, x, _log1p_exp(scaled) / beta)


def logsigmoid(x: Tensor) -> Tensor:
    """-log(1 + exp(-x))."""
    return -_log1p_exp(-x)


def mish(x: Tensor) -> Tensor:
    """x tanh(log(1 + exp(x))). Source: Misra (2019)."""
    return x * _log1p_exp(x).tanh()


def softshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    """x brought nearer to 0 by lambd, and 0 where it is not so far off."""
    if lambd < 0:
        raise ConfigError(f"softshrink: lambd is {lambd}; allowed: 0 and above")
    return where(x > lambd, x - lambd, where(x < -lambd, x + lambd, x * 0))


def hardshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    """x, and 0 where it is not further than lambd from 0."""
    return where(x.abs() <= lambd, 0.0, x)


def tanhshrink(x: Tensor) -> Tensor:
    """x - tanh(x)."""
    return x - x.tanh()


def softsign(x: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return x / (x.abs() + 1)


def hardsigmoid(x: Tensor) -> Tensor:
    """x / 6 + 1 / 2, held between 0 and 1."""
    return where(x <= -3, 0.0, where(x >= 3, 1.0, x / 6 + 0.5))


def hardswish(x: Tensor) -> Tensor:
    """x (x + 3) / 6; 0 below -3 and x above 3. Source: Howard et al. (2019), MobileNetV3."""
    return where(x <= -3, 0.0, where(x >= 3, x, x * (x + 3) / 6))


def threshold(x: Tensor, threshold: float, value: float) -> Tensor:
    """x where it is above the threshold, else value."""
    return where(x <= threshold, value, x)


def glu(x: Tensor, dim: int = -1) -> Tensor:
    """a sigmoid(b), a and b being the halves of x along `dim`.

    Raises: ShapeError if there are no two equal halves.
    Source: Dauphin et al. (2017), Language modeling with gated convolutional networks.
    """
    if not -x.ndim <= dim < x.ndim or x.shape[dim] % 2:
        raise ShapeError(f"glu: input {x.shape}, dim {dim}; allowed: an axis of even size")
    axis, half = dim % x.ndim, x.shape[dim] // 2
    before = (slice(None),) * axis
    return x[(*before, slice(None, half))] * x[(*before, slice(half, None))].sigmoid()


def softmin(x: Tensor, dim: int) -> Tensor:
    """exp(-x) / Σ exp(-x), summed along `dim`."""
    return cast(Tensor, activation.softmax(-x, axis=dim))


def where(condition: Tensor, a: Any, b: Any) -> Tensor:
    """a where the condition holds, else b."""
    return cast(Tensor, rounding.where(condition, a, b))


def _expm1_below(x: Tensor) -> Tensor:
    """exp(x) - 1 for x below 0, else 0: where() would take a gradient 0 times infinity."""
    return cast(Tensor, exponential.expm1(rounding.clamp_max(x, 0.0)))


def _log1p_exp(x: Tensor) -> Tensor:
    return cast(Tensor, exponential.logaddexp(x, 0.0))
