from __future__ import annotations

import numpy as np
import pytest

from azuraforge import capture
from azuraforge.engine import nn, optim
from azuraforge.engine.amp import GradScaler, autocast
from azuraforge.engine.nn import functional as F
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import DeviceError, DTypeError


def test_products_are_in_half_and_sums_in_float32(rng: np.random.Generator) -> None:
    net = nn.Linear(3, 4)
    x = Tensor(rng.normal(size=(5, 3)).astype(np.float32))

    with autocast("cpu"):
        y = net(x)
        loss = F.mse_loss(y, tensor(np.zeros((5, 4), np.float32)))

    assert (y.dtype, loss.dtype, net(x).dtype) == (np.float16, np.float32, np.float32)
    np.testing.assert_allclose(y.data, net(x).data, rtol=0.01, atol=0.01)


def test_gradients_come_back_in_float32(rng: np.random.Generator) -> None:
    weights = Generator(1)
    net = nn.Sequential(  # smooth: a kink could lie between the two precisions
        nn.Linear(3, 4, generator=weights), nn.LayerNorm(4), nn.Tanh(),
        nn.Linear(4, 2, generator=weights),
    )  # fmt: skip
    x = Tensor(rng.normal(size=(5, 3)).astype(np.float32))
    labels = tensor(np.array([0, 1, 1, 0, 1]))

    F.cross_entropy(net(x), labels).backward()
    expected = [p.grad.data for p in net.parameters() if p.grad is not None]
    optim.SGD(net.parameters()).zero_grad()
    with autocast("cpu"):
        loss = F.cross_entropy(net(x), labels)
    loss.backward()

    for parameter, g in zip(net.parameters(), expected, strict=True):
        assert parameter.grad is not None
        assert parameter.grad.dtype == np.float32
        np.testing.assert_allclose(parameter.grad.data, g, rtol=0.05, atol=0.005)


def test_float64_and_other_devices_are_left_alone() -> None:
    x = tensor(np.ones((2, 2)))

    with autocast("cpu"):
        y = x @ x
        with autocast("cpu", enabled=False):
            inner = x.to("float32") @ x.to("float32")

    assert (y.dtype, inner.dtype) == (np.float64, np.float32)


def test_a_function_can_be_decorated_and_call_itself() -> None:
    @autocast("cpu")
    def power(x: Tensor, n: int) -> Tensor:
        return x if n == 1 else x @ power(x, n - 1)

    x = tensor([[1.0, 1.0], [0.0, 1.0]])

    assert power(x, 4).data.tolist() == [[1, 4], [0, 1]]
    assert power(x, 2).dtype == np.float16
    assert (x @ x).dtype == np.float32


def test_a_captured_step_is_recorded_for_each_mode(rng: np.random.Generator) -> None:
    net = nn.Linear(3, 2)
    step = capture(net)
    x = Tensor(rng.normal(size=(4, 3)).astype(np.float32))

    for _ in range(3):
        full = step(x).dtype
        with autocast("cpu"):
            half = step(x).dtype

    assert step.is_replayed
    assert (full, half) == (np.float32, np.float16)


def test_a_step_in_half_precision_trains_as_one_in_full(rng: np.random.Generator) -> None:
    x = Tensor(rng.normal(size=(64, 3)).astype(np.float32))
    target = Tensor((x.data @ [[1.0], [-2.0], [0.5]]).astype(np.float32))
    net = nn.Linear(3, 1)
    optimizer = optim.Adam(net.parameters(), lr=0.1)
    scaler = GradScaler("cpu", init_scale=2.0**10)

    for _ in range(150):
        optimizer.zero_grad()
        with autocast("cpu"):
            loss = F.mse_loss(net(x), target)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    np.testing.assert_allclose(net.weight.data, [[1, -2, 0.5]], atol=0.01)


def test_what_arrays_cannot_hold_is_refused() -> None:
    with pytest.raises(DTypeError, match="dtype bfloat16; allowed: float16"):
        autocast("cpu", dtype="bfloat16")
    with pytest.raises(DTypeError, match="dtype float64; allowed: float16"):
        autocast("cpu", "float64")
    with pytest.raises(DeviceError, match="'tpu' is unknown"):
        autocast("tpu")
