from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from azuraforge.engine import nn
from azuraforge.engine.grad.modes import no_grad, watched_by
from azuraforge.engine.grad.trail import Mark, Trail
from azuraforge.engine.nn import functional as F
from azuraforge.engine.random import Generator, using
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor


def digest(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


class Network(nn.Module):
    """Two layers of one kind, the second within another module."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.deep = nn.Sequential(nn.Tanh(), nn.Linear(4, 1))

    def forward(self, x: Tensor) -> Any:
        return self.deep(self.first(x)) * 2.0


def network() -> Network:
    with using(Generator(0)):
        return Network()


def batch(rng: np.random.Generator) -> tuple[Tensor, Any]:
    x = rng.normal(size=(5, 3)).astype(np.float32)
    return Tensor(x), rng.normal(size=(5, 1)).astype(np.float32)


def trail_of(step: Callable[[], Any]) -> list[Mark]:
    trail = Trail(digest)
    with watched_by(trail):
        step()
    return trail.marks


def test_every_op_forwards_and_backwards_is_told_with_its_layer(rng: np.random.Generator) -> None:
    model, (x, y) = network(), batch(rng)

    marks = trail_of(lambda: F.mse_loss(model(x), y).backward())

    layers = [(mark.kind, mark.layer) for mark in marks if mark.op in ("linear", "tanh", "mul")]
    assert list(dict.fromkeys(layers)) == [
        ("given", "first"), ("forward", "first"), ("forward", "deep.0"), ("forward", "deep.1"),
        ("forward", ""), ("gradient", ""), ("gradient", "deep.1"), ("gradient", "deep.0"),
        ("gradient", "first"),
    ]  # fmt: skip
    assert {mark.op for mark in marks if mark.layer is None} == {"mse_loss"}


def test_a_digest_is_of_the_very_numbers(rng: np.random.Generator) -> None:
    model, (x, y) = network(), batch(rng)

    marks = trail_of(lambda: F.mse_loss(model(x), y).backward())

    with no_grad():
        first = model.first(x).data
    assert marks[0] == Mark(
        kind="given", op="linear", layer="first", place=0, shape=(5, 3), digest=digest(x.data)
    )
    assert (marks[1].kind, marks[1].digest) == ("forward", digest(first))
    bias = next(mark for mark in marks if mark.layer == "first" and mark.shape == (4,))
    assert model.first.bias.grad is not None
    assert bias.digest == digest(model.first.bias.grad.data)


def test_a_step_with_another_weight_parts_at_the_layer_that_has_it(
    rng: np.random.Generator,
) -> None:
    (x, y), one, other = batch(rng), network(), network()
    other.deep[1].weight.data[0, 2] += 1e-3

    marks = [trail_of(lambda model=m: F.mse_loss(model(x), y).backward()) for m in (one, other)]

    at = next(i for i, pair in enumerate(zip(*marks, strict=True)) if pair[0] != pair[1])
    assert (marks[0][at].kind, marks[0][at].layer, marks[0][at].op) == (
        "forward", "deep.1", "linear",
    )  # fmt: skip


def test_a_captured_step_is_watched_as_well_and_gives_the_same(rng: np.random.Generator) -> None:
    model, (x, y) = network(), batch(rng)

    def step(x: Tensor, y: Any) -> Tensor:
        model.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        return loss

    captured = capture(step)
    for _ in range(4):
        replayed = captured(x, y).item()
    marks = trail_of(lambda: captured(x, y))

    assert captured.is_replayed
    assert marks == trail_of(lambda: step(x, y))
    assert any(mark.digest == digest(np.float32(replayed)) for mark in marks)
    assert captured(x, y).item() == replayed


def test_what_noise_put_in_is_told_where_it_is_met(rng: np.random.Generator) -> None:
    (x, _), dropout = batch(rng), nn.Sequential(nn.Dropout(0.5))

    def dropped(seed: int) -> list[Mark]:
        with using(Generator(seed)):
            return trail_of(lambda: dropout(x))

    one, same, other = dropped(0), dropped(0), dropped(1)

    assert one == same
    assert one != other
    assert {mark.layer for mark in one} == {"0"}
