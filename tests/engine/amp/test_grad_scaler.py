from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge import capture
from azuraforge.engine import nn, optim
from azuraforge.engine.amp import GradScaler
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import ConfigError, DTypeError, RefusedError


def weight(*values: float) -> Tensor:
    return tensor(list(values), requires_grad=True)


def test_a_scaled_step_is_the_step_without() -> None:
    w, plain = weight(1.0, -2.0), weight(1.0, -2.0)
    scaler = GradScaler("cpu")
    for parameter, scale in (w, scaler.scale), (plain, lambda loss: loss):
        scale((parameter * parameter).sum()).backward()

    scaler.step(optim.SGD([w], lr=0.1))
    optim.SGD([plain], lr=0.1).step()

    assert w.data.tolist() == plain.data.tolist()
    assert w.grad.data.tolist() == [2, -4]


@pytest.mark.parametrize(("scale", "gradient"), [(1.0, 0.0), (2.0**15, 1e-9)])
def test_small_gradients_survive_half_precision(scale: float, gradient: float) -> None:
    w = weight(1.0)
    scaler = GradScaler("cpu", init_scale=scale)

    scaler.scale(w.to("float16").to("float32").sum() * 1e-9).backward()
    scaler.unscale_(optim.SGD([w], lr=0.1))

    np.testing.assert_allclose(w.grad.data, gradient, rtol=1e-3)


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_step_with_a_gradient_that_is_not_finite_is_left_out(bad: float) -> None:
    w, other = weight(1.0), weight(1.0)
    optimizers = optim.SGD([w], lr=0.1), optim.SGD([other], lr=0.1)
    scaler = GradScaler("cpu", init_scale=8.0)
    w.grad, other.grad = tensor([bad]), tensor([8.0])

    for optimizer in optimizers:
        scaler.step(optimizer)
    scaler.update()

    assert (w.data.tolist(), other.data.tolist()) == ([1.0], [np.float32(0.9)])
    assert scaler.get_scale() == 4


def test_large_finite_gradients_are_no_overflow() -> None:
    w = weight(1.0, 1.0)
    scaler = GradScaler("cpu", init_scale=1.0)
    w.grad = tensor([3e38, 3e38])

    scaler.step(optim.SGD([w], lr=1.0))

    assert w.data.tolist() == [np.float32(-3e38)] * 2


def test_a_replayed_backward_uses_the_scale_set_since() -> None:
    w = weight(3.0)
    scaler = GradScaler("cpu", init_scale=4.0)

    @capture
    def backward(x: Tensor) -> Tensor:
        w.grad = None
        loss = (w * x).sum()
        scaler.scale(loss).backward()
        return loss

    for _ in range(4):
        backward(tensor([1.0]))
    scaler.update(16.0)
    backward(tensor([1.0]))

    assert backward.is_replayed
    assert w.grad.data.tolist() == [16]


def test_a_scaler_that_steps_within_a_captured_step_keeps_it_eager() -> None:
    net = nn.Linear(1, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    scaler = GradScaler("cpu")

    @capture
    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = net(x).sum()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss

    with pytest.warns(UserWarning, match="steps a GradScaler, which asks numbers what to do"):
        step(tensor([[1.0]]))


def test_a_scaler_that_is_not_enabled_does_nothing() -> None:
    w = weight(1.0)
    scaler = GradScaler(enabled=False)
    optimizer = optim.SGD([w], lr=0.5)

    scaler.scale((w * 2).sum()).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()

    assert w.data.tolist() == [0.0]
    assert (scaler.get_scale(), scaler.state_dict()) == (1, {})


def test_what_is_out_of_order_is_refused() -> None:
    scaler = GradScaler("cpu")
    optimizer = optim.SGD([weight(1.0)], lr=0.1)
    half = Tensor(np.ones(1, np.float16), True)
    half.grad = Tensor(np.ones(1, np.float16))

    with pytest.raises(RefusedError, match=r"no step\(\) or unscale_\(\) since"):
        scaler.update()
    scaler.step(optimizer)
    with pytest.raises(RefusedError, match="step: called already"):
        scaler.step(optimizer)
    with pytest.raises(RefusedError, match="unscaled already"):
        scaler.unscale_(optimizer)
    with pytest.raises(DTypeError, match="keep the parameters in float32"):
        scaler.unscale_(optim.SGD([half], lr=0.1))
    with pytest.raises(ConfigError, match=r"growth_factor 1\.0, .*; allowed: growth_factor > 1"):
        GradScaler("cpu", growth_factor=1.0)
    with pytest.raises(ConfigError, match="not enabled"):
        scaler.load_state_dict({})


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 5), st.integers(0, 40))
def test_scales_are_pytorchs(fails: list[bool], interval: int, at: int) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")
    settings: dict[str, Any] = {
        "init_scale": 64.0, "growth_factor": 3.0, "backoff_factor": 0.25,
        "growth_interval": interval,
    }  # fmt: skip
    scaler, peer = GradScaler("cpu", **settings), torch.amp.GradScaler("cpu", **settings)
    ours, theirs = optim.SGD([weight(1.0)]), torch.optim.SGD([torch.ones(1, requires_grad=True)])

    for i, is_bad in enumerate(fails):
        (w,), p = ours.params, theirs.param_groups[0]["params"][0]
        peer.scale(p.sum())  # its scale is made here
        factor = math.inf if is_bad else 1.0
        w.grad, p.grad = tensor([factor]), torch.tensor([factor])
        scaler.step(ours)
        peer.step(theirs)
        scaler.update()
        peer.update()
        if i == at:
            scaler.load_state_dict(peer.state_dict())

        assert scaler.state_dict() == peer.state_dict()
        np.testing.assert_allclose(w.data, p.detach(), rtol=1e-5)
