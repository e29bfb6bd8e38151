"""Gradients of complex numbers are PyTorch's: of the real part, plus i that of the imaginary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import azuraforge

FUNCTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mul": lambda m, a, b: a * b,
    "div": lambda m, a, b: a / b,
    "abs": lambda m, a, b: m.abs(a) * m.abs(b),
    "angle": lambda m, a, b: m.angle(a) + m.angle(b),
    "exp": lambda m, a, b: m.exp(a) * m.tanh(b),
    "sqrt": lambda m, a, b: m.sqrt(a) * m.log(b),
    "pow": lambda m, a, b: a**2 * b,
    "a real part": lambda m, a, b: a * m.real(b),
    "matmul": lambda m, a, b: a @ b,
    "prod": lambda m, a, b: m.prod(a) * b,
    "det": lambda m, a, b: m.linalg.det(a) * b,
    "solve": lambda m, a, b: m.linalg.solve(a, b),
    "inv": lambda m, a, b: m.linalg.inv(a) @ b,
    "fft": lambda m, a, b: m.fft.fft(a) * m.fft.ifft(b),
}


def complex_numbers(rng: np.random.Generator, *shape: int) -> Any:
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_gradient_is_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    given = [complex_numbers(rng, 3, 3) for _ in range(2)]

    mine = [azuraforge.tensor(x, requires_grad=True) for x in given]
    y = FUNCTIONS[name](azuraforge, *mine)
    g = np.asarray(rng.standard_normal(y.shape)).astype(y.dtype)
    y.backward(azuraforge.tensor(g))
    theirs = [torch.tensor(x, requires_grad=True) for x in given]
    FUNCTIONS[name](torch, *theirs).backward(torch.tensor(g))

    for own, other in zip(mine, theirs, strict=True):
        assert own.grad is not None
        np.testing.assert_allclose(own.grad.data, other.grad.numpy(), rtol=1e-9, atol=1e-9)


def test_a_real_operand_beside_a_complex_one_gets_a_real_gradient() -> None:
    rng = np.random.default_rng(3)
    x = azuraforge.tensor(rng.standard_normal(3), requires_grad=True)
    z = azuraforge.tensor(complex_numbers(rng, 3))

    azuraforge.abs(x * z).sum().backward()

    assert x.grad is not None
    assert x.grad.dtype == np.float64
    np.testing.assert_allclose(x.grad.data, np.sign(x.data) * np.abs(z.data))
