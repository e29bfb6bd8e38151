"""A fused op against the ops it is made of, against PyTorch, and against its own loop's price."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from azuraforge.engine.grad.check import gradcheck
from azuraforge.engine.kernels import kernel
from azuraforge.engine.ops import OPS
from azuraforge.engine.ops.declare import elementwise
from azuraforge.engine.ops.fuse import fuse
from azuraforge.engine.tensor import Tensor

EXPRESSIONS = [
    "silu(a) * b",
    "relu(a + b)",
    "a * sigmoid(a) + b",
    "tanh(a) * sigmoid(b)",
    "a * a + exp(-a) / (b * b + 1)",
    "a * a * a * b",
    "maximum(a, b) - 2 * minimum(a, b)",
    "gelu(a - b)",
    "sqrt(abs(a) + 1) + log(exp(b) + 1)",
    "(a * a + 1) ** 0.5 * b",
    "swiglu(swiglu(a, b), a)",
]


@pytest.fixture(autouse=True)
def only_for_this_test() -> Iterator[None]:
    before = dict(OPS)
    yield
    OPS.clear()
    OPS.update(before)


def operands(dtype: type, shape: tuple[int, ...] = (40, 64)) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, *shape)).astype(dtype)
    return Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_values_and_gradients_are_those_of_the_ops(expression, dtype, error):
    op = fuse("fused(a, b)", expression)
    one, other = operands(dtype), operands(dtype)

    y = op(*one)
    (y * y).sum().backward()
    expected = eval(
        expression, {name: OPS[name] for name in OPS} | dict(zip("ab", other, strict=True))
    )
    (expected * expected).sum().backward()

    np.testing.assert_allclose(y.data, expected.data, rtol=error, atol=error)
    for x, z in zip(one, other, strict=True):
        scale = np.abs(z.grad.data).max()
        np.testing.assert_allclose(x.grad.data, z.grad.data, rtol=error, atol=error * scale)


@pytest.mark.parametrize("expression", [*EXPRESSIONS, "a if a > b else exp(b) * a"])
def test_gradients_are_those_of_differences(expression):
    op = fuse("fused(a, b)", expression)

    gradcheck(op, operands(np.float64, (3, 4)))


def test_swiglu_is_pytorchs():
    torch = pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")
    a, b = operands(np.float32)
    ta, tb = (torch.tensor(x.data, requires_grad=True) for x in (a, b))

    y = OPS["swiglu"](a, b)
    y.square().sum().backward()
    ty = torch.nn.functional.silu(ta) * tb
    ty.square().sum().backward()

    np.testing.assert_allclose(y.data, ty.detach().numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(a.grad.data, ta.grad.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(b.grad.data, tb.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_a_fused_op_keeps_only_what_its_gradients_name():
    op = fuse("fused(x, r)", "relu(x + r)")

    assert op.reference.retained == {"y"}
    assert op.text == "fused(x, r) = maximum(x + r, 0)"


def test_a_fused_op_is_one_kernel():
    if kernel("elementwise") is None:
        pytest.skip("Numba is not installed")
    op = fuse("fused(a, b)", "silu(a) * b")
    a, b = (x.data for x in operands(np.float32))

    assert op.implementation((a, b), ()) is op.kernel


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("softmax(a) * b", "softmax is no elementwise op"),
        ("gt(a, b) * b", "gt is no elementwise op with gradients"),
        ("nothing(a) * b", "'nothing(a)' applies no op"),
        ("silu(a, b)", "silu takes x"),
        ("a @ b", "'a @ b' applies no op"),
    ],
)
def test_what_cannot_be_fused_is_a_type_error(expression, message):
    with pytest.raises(TypeError, match=r"^fuse fused"):
        fuse("fused(a, b)", expression)

    with pytest.raises(TypeError) as error:
        fuse("fused(a, b)", expression)
    assert message in str(error.value)
    assert "fused" not in OPS


def test_an_input_that_is_not_used_has_the_gradient_zero():
    a, b = operands(np.float32)

    fuse("fused(a, b)", "2 * a")(a, b).sum().backward()

    assert (a.grad.data == 2).all()
    assert (b.grad.data == 0).all()


def test_an_op_of_ones_own_can_be_fused():
    elementwise("cube(x)", y="x * x * x", x="3 * g * x * x")
    op = fuse("fused(a, b)", "cube(a + b)")
    a, b = operands(np.float64, (3,))

    np.testing.assert_allclose(op(a, b).data, (a.data + b.data) ** 3, rtol=1e-12)
    gradcheck(op, (a, b))
