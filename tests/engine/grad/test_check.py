from __future__ import annotations

import numpy as np
import pytest

from azuraforge.engine.grad.check import gradcheck, gradgradcheck
from azuraforge.engine.ops import OPS
from azuraforge.engine.ops.declare import elementwise
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import GradientError


def test_a_wrong_gradient_is_found_and_placed() -> None:
    wrong = elementwise("wrong(x)", y="x * x", x="g * x")
    del OPS["wrong"]
    x = Tensor(np.array([0.0, 3.0]), requires_grad=True)

    with pytest.raises(
        GradientError, match=r"input 0 at \(1,\).*gives 3\.35\d*, differences give 6\.70"
    ):
        gradcheck(wrong, [x])


def test_a_missing_gradient_is_found() -> None:
    x = Tensor(np.array([1.0, 3.0]), requires_grad=True)

    with pytest.raises(GradientError, match=r"backward\(\) gives 0,"):
        gradcheck(lambda x: x.detach() * 2.0 + x * 0.0, [x])


def test_float32_is_refused() -> None:
    with pytest.raises(GradientError, match="allowed: float64"):
        gradcheck(lambda x: x * 2.0, [Tensor(np.ones(2, np.float32), requires_grad=True)])


def test_one_tensor_by_itself_will_do() -> None:
    x = tensor(np.array([0.3, 0.7]), requires_grad=True)

    assert gradcheck(lambda x: x.exp(), x)
    assert gradgradcheck(lambda x: x.exp(), x)
