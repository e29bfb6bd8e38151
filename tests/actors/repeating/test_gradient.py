from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from azuraforge.actors.repeating.gradient import gradient
from azuraforge.errors import ConfigError, NotFoundError, RefusedError
from azuraforge.schema.commands import Command
from azuraforge.schema.events import StepFinished
from azuraforge.store.tensors import decode
from tests.actors.journaled import Journaled

LR = 0.05  # of the tiny plugin: plain gradient descent, so an update is the gradient times this


@pytest.fixture
def registry() -> Journaled:
    return Journaled()


def parameters_after(registry: Journaled, run: str, step: int) -> dict[str, Any]:
    """The model's parameters in the checkpoint after a step."""
    saved = next(one for one in registry.checkpoints(run) if one.step == step)
    arrays, _ = decode(registry.blobs.get(saved.sha256))
    return {k.removeprefix("model."): a for k, a in arrays.items() if k.startswith("model.")}


@pytest.mark.parametrize("step", [2, 3, 7, 8])
def test_a_gradient_is_what_the_update_took_from_the_parameters(
    registry: Journaled, step: int
) -> None:
    run = registry.train(every_steps=1)
    before, after = (parameters_after(registry, run, at) for at in (step - 1, step))

    told, arrays = gradient(registry, registry.blobs, run, step)

    assert set(arrays) == set(before)
    for name, g in arrays.items():
        taken = (before[name].astype(float) - after[name]) / LR
        np.testing.assert_allclose(g, taken, rtol=1e-4, atol=1e-5)
    assert [figures.name for figures in told.parameters] == list(arrays)


def test_the_figures_are_those_of_the_array(registry: Journaled) -> None:
    run = registry.train()

    told, arrays = gradient(registry, registry.blobs, run, 5, "line.0.weight")

    (figures,) = told.parameters
    values = arrays["line.0.weight"].astype(float)
    assert figures.shape == [4, 2]
    assert figures.norm == pytest.approx(np.linalg.norm(values))
    assert figures.mean == pytest.approx(values.mean())
    assert figures.std == pytest.approx(np.std(values))
    assert (figures.min, figures.max) == (values.min(), values.max())


@pytest.mark.parametrize(("step", "done"), [(1, 1), (2, 2), (3, 1), (8, 2), (9, 1)])
def test_it_takes_the_steps_since_the_nearest_checkpoint_and_no_more(
    registry: Journaled, step: int, done: int
) -> None:
    run = registry.train(every_steps=2)

    told, _ = gradient(registry, registry.blobs, run, step)

    assert told.steps_done == done
    assert (told.checkpoint is None) == (step <= 2)


def test_a_layer_is_what_lies_below_its_path(registry: Journaled) -> None:
    run = registry.train()

    _, arrays = gradient(registry, registry.blobs, run, 5, "line.2")

    assert list(arrays) == ["line.2.weight", "line.2.bias"]


def test_an_intervention_before_the_step_is_repeated(registry: Journaled) -> None:
    run = registry.train((3, Command(name="set", path="optim.lr", value=0.01)))
    plain = registry.train()

    _, other = gradient(registry, registry.blobs, run, 6)
    _, same = gradient(registry, registry.blobs, plain, 6)

    assert any((other[name] != same[name]).any() for name in same)


def test_a_layer_that_is_not_there_is_answered_with_those_that_are(registry: Journaled) -> None:
    run = registry.train()

    with pytest.raises(NotFoundError, match=r"line, line\.0, line\.2; did you mean line\.2\?"):
        gradient(registry, registry.blobs, run, 5, "line.22")


@pytest.mark.parametrize("step", [0, 10])
def test_a_step_that_was_not_done_is_refused_with_the_range(registry: Journaled, step: int) -> None:
    run = registry.train()

    with pytest.raises(ConfigError, match="allowed: 1 to 9"):
        gradient(registry, registry.blobs, run, step)


def test_a_step_that_is_not_the_journals_any_more_is_refused(registry: Journaled) -> None:
    run = registry.train()
    registry.change(run, registry.seq_of(run, 5), digest="0" * 16)

    with pytest.raises(RefusedError, match=rf"azuraforge replay {run}"):
        gradient(registry, registry.blobs, run, 5)


def test_of_a_step_done_again_after_a_rollback_it_is_the_last_time(registry: Journaled) -> None:
    far_too_high = Command(name="set", path="optim.lr", value=100)
    run = registry.train((6, far_too_high), every_steps=6, **{"training.on_nan": "rollback"})
    events = [entry.event for entry in registry.journals[run]]
    norms = [e.grad_norm for e in events if isinstance(e, StepFinished) and e.step == 8]

    _, arrays = gradient(registry, registry.blobs, run, 8)

    assert norms[0] > 1000 * norms[-1]
    squares = sum(float((g.astype(float) ** 2).sum()) for g in arrays.values())
    assert squares**0.5 == pytest.approx(norms[-1], rel=1e-5)
