"""Gradients add up by calling backward() several times; accumulation needs nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from azuraforge import capture
from azuraforge.engine import nn, optim
from azuraforge.engine.nn.utils import clip_grad_norm_
from azuraforge.engine.tensor import Tensor


def trained(parts: int, batches: Any, through: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Weights after a step for each batch, taken in so many parts; and the step's wrapper."""
    net = nn.Linear(3, 2)
    for parameter in net.parameters():
        parameter.data[...] = np.linspace(-1, 1, parameter.data.size).reshape(parameter.shape)
    optimizer = optim.Adam(net.parameters(), lr=0.1)

    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        rows = len(x) // parts
        for i in range(parts):
            loss = net(x[i * rows : (i + 1) * rows]).square().mean() * (1 / parts)
            loss.backward()
        clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        return loss

    wrapped = through(step)
    for batch in batches:
        wrapped(Tensor(batch))
    return net.weight.data, wrapped


def test_several_backwards_before_a_step_are_one_large_batch(rng: np.random.Generator) -> None:
    batches = rng.normal(size=(5, 6, 3)).astype(np.float32)

    weights, _ = trained(3, batches, lambda step: step)

    expected, _ = trained(1, batches, lambda step: step)
    np.testing.assert_allclose(weights, expected, rtol=1e-4, atol=1e-6)


def test_several_backwards_in_a_captured_step_are_replayed(rng: np.random.Generator) -> None:
    batches = rng.normal(size=(5, 6, 3)).astype(np.float32)

    weights, captured = trained(3, batches, capture)

    eager, _ = trained(3, batches, lambda step: step)
    assert captured.is_replayed
    np.testing.assert_array_equal(weights, eager)
