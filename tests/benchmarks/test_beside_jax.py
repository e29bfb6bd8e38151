"""Rows beside JAX, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

import azuraforge
from azuraforge.engine.threads import threads
from azuraforge.errors import ConfigError
from benchmarks import beside_jax, library
from benchmarks.agreement import DifferError, largest_loss_difference
from benchmarks.beside_jax import lstm, mlp, training
from benchmarks.suite import SMALLEST
from benchmarks.training import QUICK
from benchmarks.workload import Side

MLP, LSTM = SMALLEST[:2]


@pytest.fixture(autouse=True)
def restored():
    before = threads()
    yield
    azuraforge.set_threads(before)


@pytest.mark.parametrize(("workload", "output"), [(MLP, mlp), (LSTM, lstm)], ids=["mlp", "lstm"])
def test_jax_has_the_same_losses(workload, output):
    pytest.importorskip("jax", reason="JAX, the extra `jax`, is not installed")
    mine = Side(library.ours(), workload)
    theirs = training(workload, output, mine.model.state_dict())

    largest_loss_difference(mine.training(), theirs, tolerance=1e-5)


def test_one_other_weight_is_found():
    pytest.importorskip("jax", reason="JAX, the extra `jax`, is not installed")
    mine = Side(library.ours(), MLP)
    weights = {key: np.array(value) for key, value in mine.model.state_dict().items()}
    weights["0.weight"][0, 0] += 0.5

    with pytest.raises(DifferError, match="step 1"):
        largest_loss_difference(mine.training(), training(MLP, mlp, weights), tolerance=1e-4)


def test_without_jax_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(beside_jax, "find_spec", lambda name: None)

    with pytest.raises(ConfigError, match=r"azuraforge\[jax\]"):
        list(beside_jax.results([MLP], [1], QUICK))


def test_several_numbers_of_threads_are_refused(monkeypatch):
    monkeypatch.setattr(beside_jax, "find_spec", lambda name: object())

    with pytest.raises(ConfigError, match=r"got --threads \[1, 2\]; allowed: one"):
        list(beside_jax.results([MLP], [1, 2], QUICK))
