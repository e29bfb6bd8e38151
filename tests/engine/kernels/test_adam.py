"""The compiled Adam against the reference: the same bits, whatever the settings."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the jit extra")

from azuraforge.engine import optim
from azuraforge.engine.kernels import adam
from azuraforge.engine.optim.flat import flat
from azuraforge.engine.optim.optimizer import Optimizer
from azuraforge.engine.tensor import Tensor
from azuraforge.engine.threads import set_threads, threads

KINDS = {"Adam": optim.Adam, "AdamW": optim.AdamW}


class Plain:
    """The same optimizer without its kernel."""

    def __init__(self, optimizer: Optimizer) -> None:
        optimizer.prepared = partial(Optimizer.prepared, optimizer)
        self.step = optimizer.step


def weights(sizes: list[int]) -> list[Tensor]:
    rng = np.random.default_rng(1)
    return [Tensor(rng.standard_normal(size).astype(np.float32)) for size in sizes]


def trained(kind: Any, sizes: list[int], *, plain: bool, **options: Any) -> list[bytes]:
    """The parameters and moments after three steps on random gradients."""
    params, rng = weights(sizes), np.random.default_rng(2)
    optimizer = kind(params, **options)
    step = Plain(optimizer).step if plain else optimizer.step
    for _ in range(3):
        for p in params:
            p.grad = Tensor(rng.standard_normal(p.shape).astype(np.float32))
        step()
        optimizer.param_groups[0]["lr"] *= 0.9
    state = flat(optimizer.state_dict())[0].values()
    return [a.tobytes() for a in (*(p.data for p in params), *state)]


@pytest.mark.parametrize("kind", KINDS)
@given(
    sizes=st.lists(st.integers(0, 70), min_size=1, max_size=4),
    weight_decay=st.sampled_from([0.0, 0.1]),
    eps=st.sampled_from([1e-8, 1e-3]),
)
def test_the_kernel_makes_the_bits_of_the_reference(kind, sizes, weight_decay, eps):
    options = {"lr": 0.1, "betas": (0.8, 0.95), "weight_decay": weight_decay, "eps": eps}

    found = trained(KINDS[kind], sizes, plain=False, **options)

    assert found == trained(KINDS[kind], sizes, plain=True, **options)


def test_the_number_of_threads_does_not_change_the_bits():
    before, large = threads(), [adam.WORTH_SPLITTING + 3, 5]

    set_threads(1)
    one = trained(optim.Adam, large, plain=False)
    set_threads(2)
    two = trained(optim.Adam, large, plain=False)
    set_threads(before)

    assert one == two == trained(optim.Adam, large, plain=True)


def test_infinite_parameters_do_not_reach_the_moments_without_weight_decay():
    w = Tensor(np.array([np.inf, 1], np.float32))
    optimizer = optim.Adam([w])
    w.grad = Tensor(np.ones(2, np.float32))

    optimizer.step()

    assert np.isfinite(optimizer.state[w]["exp_avg"]).all()
    assert np.isinf(w.data[0])


def test_parameters_that_are_not_contiguous_float32_are_left_to_the_reference():
    for w in (np.ones((3, 2), np.float32).T, np.ones(3)):
        assert not adam.accepts([(w, w)])
