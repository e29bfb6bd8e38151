from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn, optim
from azuraforge.engine.nn.utils import remove_spectral_norm, spectral_norm, weight_norm
from azuraforge.engine.nn.utils.parametrizations import lora
from azuraforge.engine.nn.utils.parametrizations import weight_norm as by_length
from azuraforge.engine.nn.utils.parametrize import (
    is_parametrized,
    register_parametrization,
    remove_parametrizations,
)
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

RNG = np.random.default_rng(5)


class Symmetric(nn.Module):
    """The upper triangle, on both sides."""

    def forward(self, x: Tensor) -> Any:
        upper = x * Tensor(np.triu(np.ones(x.shape, np.float32)))
        return upper + upper.T - upper * Tensor(np.eye(len(x), dtype=np.float32))


def samples(*shape: int) -> Tensor:
    return Tensor(RNG.standard_normal(shape).astype(np.float32))


def test_a_parametrized_weight_is_what_its_module_makes_of_the_original() -> None:
    layer = register_parametrization(nn.Linear(3, 3), "weight", Symmetric())

    layer(samples(2, 3)).sum().backward()

    weight = layer.weight.data
    np.testing.assert_array_equal(weight, weight.T)
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    original = dict(layer.named_parameters())["parametrizations.weight.original"]
    assert original.grad is not None
    assert not original.grad.data[np.tril_indices(3, -1)].any()


@pytest.mark.parametrize("leave", [True, False])
def test_what_was_parametrized_is_a_layer_as_before(leave: bool) -> None:
    layer = nn.Linear(3, 3)
    before = layer.weight.data.copy()
    register_parametrization(layer, "weight", Symmetric())
    symmetric = layer.weight.data.copy()

    remove_parametrizations(layer, "weight", leave_parametrized=leave)

    assert type(layer) is nn.Linear
    assert not is_parametrized(layer)
    np.testing.assert_array_equal(layer.weight.data, symmetric if leave else before)
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_a_low_rank_change_begins_as_none_trains_alone_and_goes_into_the_weight() -> None:
    x, layer = samples(6, 4), nn.Linear(4, 3)
    before, frozen = layer(x).data, layer.weight.data.copy()
    lora(layer, rank=2, alpha=4)
    np.testing.assert_array_equal(layer(x).data, before)
    trained = [p for p in layer.parameters() if p.requires_grad]
    optimizer = optim.SGD(trained, 0.5)

    for _ in range(3):
        optimizer.zero_grad()
        layer(x).square().mean().backward()
        optimizer.step()

    found = layer(x).data
    assert not np.allclose(found, before)
    assert [p.shape for p in trained] == [(3,), (2, 4), (3, 2)]
    np.testing.assert_array_equal(layer.state_dict()["parametrizations.weight.original"], frozen)
    remove_parametrizations(layer, "weight")
    np.testing.assert_allclose(layer(x).data, found, rtol=1e-6)
    assert np.linalg.matrix_rank(layer.weight.data - frozen) == 2


def test_a_copied_layer_renews_its_own_weight() -> None:
    layer = spectral_norm(nn.Linear(4, 4))
    other = copy.deepcopy(layer)
    before = layer.state_dict()["weight_u"].copy()

    other.state_dict()["weight_orig"][...] = np.diag([9, 1, 1, 1])
    other(samples(2, 4))

    np.testing.assert_array_equal(layer.state_dict()["weight_u"], before)
    assert not np.allclose(other.state_dict()["weight_u"], before)
    np.testing.assert_allclose(other.weight.data[1, 1] * 9, other.weight.data[0, 0], rtol=1e-6)


def test_without_its_norm_a_layer_gives_what_it_gave_in_evaluation() -> None:
    x, layer = samples(2, 4), spectral_norm(nn.Linear(4, 3))
    layer(x)
    expected = layer.eval()(x).data

    remove_spectral_norm(layer)

    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-6)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    with pytest.raises(ConfigError, match="has no"):
        remove_spectral_norm(layer)


def test_names_that_are_no_parameter_and_other_shapes_are_refused() -> None:
    with pytest.raises(ConfigError, match="Linear has no parameter 'wieght'; it has"):
        weight_norm(nn.Linear(2, 2), "wieght")
    with pytest.raises(ConfigError, match="has no parameter 'wieght'"):
        by_length(nn.Linear(2, 2), "wieght")
    with pytest.raises(ConfigError, match="at least 1"):
        lora(nn.Linear(2, 2), rank=0)
    with pytest.raises(ShapeError, match=r"makes it \(4,\)"):
        register_parametrization(nn.Linear(2, 2), "weight", nn.Flatten(0))
