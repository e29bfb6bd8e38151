"""Tensor's methods that end in _ : a function of the same name, its result put in place."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import FUNCTIONS, function, tensor_of
from azuraforge.engine.grad import inplace
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError

CHANGES = """
    abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr arccos arccosh arcsin
    arcsinh arctan arctan2 arctanh asin asinh atan atan2 atanh baddbmm bitwise_and
    bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil clamp clamp_max
    clamp_min clip conj_physical copysign cos cosh cumprod cumsum deg2rad digamma div divide eq erf
    erfc erfinv exp exp2 expm1 fill fix float_power floor floor_divide fmod frac gcd ge greater
    greater_equal gt heaviside hypot i0 index_add index_copy index_fill index_put index_reduce lcm
    ldexp le lerp less less_equal lgamma log log10 log1p log2 logical_and logical_not logical_or
    logical_xor logit lt masked_fill masked_scatter mul multiply mvlgamma nan_to_num ne neg negative
    not_equal pow put rad2deg reciprocal relu remainder renorm round rsqrt scatter scatter_add
    scatter_reduce sgn sigmoid sign sin sinc sinh sqrt square sub subtract tan tanh tril triu
    true_divide trunc xlogy
""".split()
TURNS = "squeeze swapaxes swapdims t transpose unsqueeze".split()
OPERATORS = {
    "__iadd__": "add", "__isub__": "sub", "__imul__": "mul", "__itruediv__": "div",
    "__ipow__": "pow", "__imod__": "remainder", "__ifloordiv__": "floor_divide",
    "__iand__": "bitwise_and", "__ior__": "bitwise_or", "__ixor__": "bitwise_xor",
}  # fmt: skip


def _changing(name: str) -> Callable[..., Any]:
    of = FUNCTIONS[name]

    @wraps(of)
    def change(input: Tensor, *operands: Any, **options: Any) -> Tensor:
        given = tuple(options)
        several = (*operands, *options.values())

        def call(before: Tensor, *now: Any) -> Tensor:
            own, named = now[: len(operands)], now[len(operands) :]
            result: Tensor = of(before, *own, **dict(zip(given, named, strict=True)))
            return result

        return inplace.changed(input, f"{name}_", call, *several)

    return change


def _turning(name: str) -> Callable[..., Any]:
    of = FUNCTIONS[name]

    @wraps(of)
    def turn(input: Tensor, *operands: Any) -> Tensor:
        return inplace.reshaped(input, f"{name}_", of, *operands)

    return turn


def copy_(input: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """The tensor, with the numbers of another, repeated and converted as needed, put into it."""
    return inplace.copied(input, tensor_of(src, "src"))


def zero_(input: Tensor) -> Tensor:
    """The tensor, with zeros put into it."""
    filled: Tensor = FUNCTIONS["Tensor.fill_"](input, 0)
    return filled


def detach_(input: Tensor) -> Tensor:
    """The tensor, without its past."""
    return inplace.detached(input)


def fill_diagonal_(input: Tensor, fill_value: float) -> Tensor:
    """The tensor, with a number put along its diagonal, where all its indices are equal."""
    index = tuple([module_of(input.data).arange(min(input.shape))] * input.ndim)
    inplace.assigned(input, index, fill_value)
    return input


def normal_(
    input: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """The tensor, with normally distributed numbers put into it."""
    if std < 0:
        raise ConfigError(f"std is {std}; allowed: at least 0")
    return _draw(input, "normal_", "normal", generator, mean, std)


def uniform_(
    input: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """The tensor, with numbers evenly from [from, to) put into it."""
    if from_ > to:
        raise ConfigError(f"from {from_} to {to}; allowed: from at most to")
    return _draw(input, "uniform_", "uniform", generator, from_, to)


def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """The tensor, with ones with probability p, zeros elsewhere, put into it."""
    share = p if isinstance(p, Tensor) else FUNCTIONS["full"](input.shape, float(p))
    return inplace.drawn(
        input, "bernoulli_", lambda: FUNCTIONS["bernoulli"](share, generator=generator)
    )


def exponential_(
    input: Tensor, lambd: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """The tensor, with exponentially distributed numbers of the rate lambd put into it."""
    if lambd <= 0:
        raise ConfigError(f"lambd is {lambd}; allowed: above 0")
    uniform_(input, generator=generator)
    return inplace.drawn(input, "exponential_", lambda: FUNCTIONS["log1p"](-input) / -lambd)


def random_(
    input: Tensor, from_: int = 0, to: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """The tensor, with whole numbers from `from` (0 unless given) to `to` - 1 put into it."""
    low, high = (from_, to) if to is not None else (0, from_ or 2**24)
    draw = FUNCTIONS["randint"]
    return inplace.drawn(
        input, "random_", lambda: draw(low, high, input.shape, generator=generator).to(input.dtype)
    )


def _draw(
    x: Tensor, by: str, kind: str, generator: Generator | None, one: float, other: float
) -> Tensor:
    read(by)  # a draw that a captured step would not make again
    source = generator or default_generator()
    numbers = getattr(source, kind)(x.shape, one, other, xp=module_of(x.data))
    return inplace.drawn(x, by, lambda: Tensor(numbers.astype(x.dtype)))


def attach() -> None:
    """Give Tensor these methods."""
    every = {f"{name}_": _changing(name) for name in CHANGES}
    every |= {f"{name}_": _turning(name) for name in TURNS}
    every |= {each.__name__: each for each in OWN}
    for name, method in every.items():
        function(f"Tensor.{name}")(method)
        setattr(Tensor, name, FUNCTIONS[f"Tensor.{name}"])
    for operator, name in OPERATORS.items():
        setattr(Tensor, operator, FUNCTIONS[f"Tensor.{name}_"])


OWN = (
    copy_, zero_, detach_, fill_diagonal_, normal_, uniform_, bernoulli_, exponential_, random_,
)  # fmt: skip
