"""Which calls of a recorded step become CUDA graphs; a stand-in does them instead of a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import pytest

from azuraforge.engine import nn, optim
from azuraforge.engine.device import Lane
from azuraforge.engine.nn import functional as F
from azuraforge.engine.random import Generator
from azuraforge.engine.replay import capture
from azuraforge.engine.replay.graphs import graphed
from azuraforge.engine.replay.tape import Tape, recording
from azuraforge.engine.tensor import Tensor, tensor


class Graphs:
    """A lane whose graphs do their calls one by one, and count."""

    def __init__(self) -> None:
        self.count = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        yield

    def graph(self, calls: Sequence[Callable[[], Any]]) -> Callable[[], None]:
        self.count += 1

        def launch() -> None:
            for call in calls:
                call()

        return launch


def recorded(step: Callable[[], Any]) -> Tape:
    tape = Tape()
    with recording(tape):
        step()
    return tape


def test_a_step_is_one_graph_and_the_optimizer() -> None:
    layer = nn.Linear(3, 2)
    x, optimizer = tensor(np.ones((4, 3), np.float32)), optim.Adam(layer.parameters(), lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        (layer(x) * layer(x)).sum().backward()
        optimizer.step()

    tape, lane = recorded(step), Graphs()
    calls = graphed(tape, cast(Lane, lane))

    assert len(tape.calls) > len(calls) == 2
    assert lane.count == 1


def test_graphs_between_draws_and_optimizers_do_what_the_calls_do() -> None:
    def train(*, in_graphs: bool) -> list[Any]:
        w, generator = Tensor(np.ones(8, np.float32), requires_grad=True), Generator(3)
        optimizer = optim.Adam([w], lr=0.1)

        def step() -> None:
            optimizer.zero_grad()
            (F.dropout(w * 2.0, 0.5, generator=generator) * w).sum().backward()
            optimizer.step()

        tape, lane = recorded(step), Graphs()
        if in_graphs:
            tape.calls = graphed(tape, cast(Lane, lane))
            assert lane.count == 2
            assert len(tape.calls) == 4
        for _ in range(3):
            tape.replay()
        return [*w.data, optimizer.state[w]["step"], generator.counter]

    assert train(in_graphs=True) == train(in_graphs=False)


def test_a_captured_step_goes_on_in_graphs_as_it_would_eagerly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def losses(*, is_captured: bool) -> list[float]:
        layer, generator = nn.Linear(3, 2, generator=Generator(1)), Generator(3)
        optimizer = optim.Adam(layer.parameters(), lr=0.1)

        def step(x: Tensor) -> Tensor:
            optimizer.zero_grad()
            loss = F.dropout(layer(x) * layer(x), 0.5, generator=generator).sum()
            loss.backward()
            optimizer.step()
            return loss

        train = capture.capture(step) if is_captured else step
        x = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)
        found = [float(train(Tensor(batch)).data) for batch in x]
        assert not isinstance(train, capture.Captured) or train.reason is None
        return found

    lane = Graphs()
    eager = losses(is_captured=False)
    monkeypatch.setattr(capture, "_lane", lambda inputs: lane)

    assert losses(is_captured=True) == eager
    assert lane.count == 2
