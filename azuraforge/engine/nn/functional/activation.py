"""Activations; `inplace` is PyTorch's and changes nothing: results are new arrays."""

from __future__ import annotations

import warnings
from typing import Any, Literal, cast

import numpy as np

from azuraforge.engine.functions.function import function
from azuraforge.engine.nn.functional.dropout import drawn
from azuraforge.engine.ops import activation, elementwise, exponential, rounding
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "gumbel_softmax",
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
    "rrelu",
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


@function("nn.functional.relu")
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0)."""
    return cast(Tensor, elementwise.relu(input))


@function("nn.functional.tanh")
def tanh(input: Tensor) -> Tensor:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return input.tanh()


@function("nn.functional.sigmoid")
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-x))."""
    return input.sigmoid()


@function("nn.functional.silu")
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x / (1 + exp(-x)). Source: Elfwing, Uchibe and Doya (2018); also known as swish."""
    return cast(Tensor, activation.silu(input))


@function("nn.functional.gelu")
def gelu(input: Tensor, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """x Φ(x), with Φ the normal distribution function, or its approximation by tanh.

    Source: Hendrycks and Gimpel (2016), Gaussian error linear units.
    """
    if approximate not in ("none", "tanh"):
        raise ConfigError(f"gelu: approximate is {approximate!r}; allowed: 'none', 'tanh'")
    return cast(
        Tensor, activation.gelu(input) if approximate == "none" else activation.gelu_tanh(input)
    )


@function("nn.functional.softmax")
def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """exp(x) / Σ exp(x), summed along `dim`; computed in `dtype`, if given."""
    return cast(Tensor, activation.softmax(_typed(input, dtype), axis=_axis(input, dim)))


@function("nn.functional.log_softmax")
def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """x - log Σ exp(x), summed along `dim`; computed in `dtype`, if given."""
    return cast(Tensor, activation.log_softmax(_typed(input, dtype), axis=_axis(input, dim)))


@function("nn.functional.softmin")
def softmin(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """exp(-x) / Σ exp(-x), summed along `dim`; computed in `dtype`, if given."""
    return cast(Tensor, activation.softmax(-_typed(input, dtype), axis=_axis(input, dim)))


def _typed(input: Tensor, dtype: Any) -> Tensor:
    return input if dtype is None else input.to(dtype)


def _axis(input: Tensor, dim: int | None) -> int:
    """The axis that is given, else the one PyTorch takes, with a warning."""
    if dim is not None:
        return dim
    found = 0 if input.ndim in (0, 1, 3) else 1
    warnings.warn(
        f"softmax without dim takes axis {found} of shape {input.shape}; pass dim={found}",
        stacklevel=4,
    )
    return found


@function("nn.functional.gumbel_softmax")
def gumbel_softmax(
    logits: Tensor,
    tau: float = 1.0,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """A sample from the classes, softened: softmax((x + Gumbel noise) / tau).

    With `hard` the largest becomes 1 and the others 0; the gradient is that of the soft sample.
    `eps` is PyTorch's, and without effect there and here.

    Source: Jang, Gu and Poole (2017), Categorical reparameterization with Gumbel-softmax.
    """
    if not tau > 0:
        raise ConfigError(f"tau is {tau}; allowed: above 0")
    smallest = float(np.finfo(logits.dtype).tiny)  # of 0 there is no logarithm
    noise = -(-rounding.clamp_min(drawn(logits, generator), smallest).log()).log()
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    largest: Tensor = rounding.where(soft == soft.amax(dim, keepdim=True), 1.0, soft * 0)
    return largest.detach() + soft - soft.detach()


@function("nn.functional.rrelu")
def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """x where it is positive, else x by a number drawn from lower to upper, or by their mean.

    Source: Xu et al. (2015), Empirical evaluation of rectified activations.
    """
    if not 0 <= lower <= upper:
        raise ConfigError(f"rrelu: lower {lower}, upper {upper}; allowed: 0 ≤ lower ≤ upper")
    slope = drawn(input, generator) * (upper - lower) + lower if training else (lower + upper) / 2
    return where(input > 0, input, input * slope)


@function("nn.functional.hardtanh")
def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x held between min_val and max_val; the gradient is 0 from there on."""
    if not min_val <= max_val:
        raise ConfigError(
            f"hardtanh: min_val {min_val}, max_val {max_val}; allowed: min_val ≤ max_val"
        )
    return where(input <= min_val, min_val, where(input >= max_val, max_val, input))


@function("nn.functional.relu6")
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0)


@function("nn.functional.leaky_relu")
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where it is positive, else negative_slope x."""
    return where(input > 0, input, input * negative_slope)


@function("nn.functional.prelu")
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where it is positive, else weight x, with one weight, or one per channel (axis 1).

    Raises: ShapeError.
    Source: He et al. (2015), Delving deep into rectifiers.
    """
    count = weight.data.size
    if weight.ndim > 1:
        raise ShapeError(f"prelu: weight {weight.shape}; allowed: (), (1,) or (channels,)")
    if count == 1:
        return where(input > 0, input, input * weight.reshape(*(1,) * input.ndim))
    if input.ndim < 2 or input.shape[1] != count:
        raise ShapeError(
            f"prelu: input {input.shape}, weight {weight.shape}; allowed: one weight, or as many "
            "as there are channels on axis 1"
        )
    return where(input > 0, input, input * weight.reshape(1, count, *(1,) * (input.ndim - 2)))


@function("nn.functional.elu")
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha (exp(x) - 1).

    Source: Clevert, Unterthiner and Hochreiter (2016), Exponential linear units.
    """
    return where(input > 0, input, _expm1_below(input) * alpha)


@function("nn.functional.celu")
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where it is positive, else alpha (exp(x / alpha) - 1). Source: Barron (2017)."""
    if not alpha:
        raise ConfigError("celu: alpha is 0; allowed: any other number")
    return where(input > 0, input, _expm1_below(input / alpha) * alpha)


@function("nn.functional.selu")
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """elu with the scale and alpha that keep mean 0 and variance 1.

    Source: Klambauer et al. (2017), Self-normalizing neural networks.
    """
    return elu(input, 1.6732632423543772848170429916717) * 1.0507009873554804934193349852946


@function("nn.functional.softplus")
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x is above threshold."""
    scaled = input * beta
    return where(scaled > threshold, input, _log1p_exp(scaled) / beta)


@function("nn.functional.logsigmoid")
def logsigmoid(input: Tensor) -> Tensor:
    """-log(1 + exp(-x))."""
    return -_log1p_exp(-input)


@function("nn.functional.mish")
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(log(1 + exp(x))). Source: Misra (2019)."""
    return input * _log1p_exp(input).tanh()


@function("nn.functional.softshrink")
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x brought nearer to 0 by lambd, and 0 where it is not so far off."""
    if lambd < 0:
        raise ConfigError(f"softshrink: lambd is {lambd}; allowed: 0 and above")
    return where(input > lambd, input - lambd, where(input < -lambd, input + lambd, input * 0))


@function("nn.functional.hardshrink")
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, and 0 where it is not further than lambd from 0."""
    return where(input.abs() <= lambd, 0.0, input)


@function("nn.functional.tanhshrink")
def tanhshrink(input: Tensor) -> Tensor:
    """x - tanh(x)."""
    return input - input.tanh()


@function("nn.functional.softsign")
def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (input.abs() + 1)


@function("nn.functional.hardsigmoid")
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """x / 6 + 1 / 2, held between 0 and 1."""
    return where(input <= -3, 0.0, where(input >= 3, 1.0, input / 6 + 0.5))


@function("nn.functional.hardswish")
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x (x + 3) / 6; 0 below -3 and x above 3. Source: Howard et al. (2019), MobileNetV3."""
    return where(input <= -3, 0.0, where(input >= 3, input, input * (input + 3) / 6))


@function("nn.functional.threshold")
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where it is above the threshold, else value."""
    return where(input <= threshold, value, input)


@function("nn.functional.glu")
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a sigmoid(b), a and b being the halves of x along `dim`.

    Raises: ShapeError if there are no two equal halves.
    Source: Dauphin et al. (2017), Language modeling with gated convolutional networks.
    """
    if not -input.ndim <= dim < input.ndim or input.shape[dim] % 2:
        raise ShapeError(f"glu: input {input.shape}, dim {dim}; allowed: an axis of even size")
    axis, half = dim % input.ndim, input.shape[dim] // 2
    before = (slice(None),) * axis
    return input[(*before, slice(None, half))] * input[(*before, slice(half, None))].sigmoid()


def where(condition: Tensor, a: Any, b: Any) -> Tensor:
    """a where the condition holds, else b."""
    return cast(Tensor, rounding.where(condition, a, b))


def _expm1_below(input: Tensor) -> Tensor:
    """exp(x) - 1 for x below 0, else 0: where() would take a gradient 0 times infinity."""
    return cast(Tensor, exponential.expm1(rounding.clamp_max(input, 0.0)))


def _log1p_exp(input: Tensor) -> Tensor:
    return cast(Tensor, exponential.logaddexp(input, 0.0))
