"""Integrated gradients: the axioms that define them."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

import azuraforge
from azuraforge.attributions import IntegratedGradients
from azuraforge.attributions.path import Method, rule
from azuraforge.errors import ConfigError, ShapeError


@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize("n_steps", [2, 5, 50])
def test_weights_add_up_to_1_and_each_place_lies_in_its_part(method, n_steps):
    places, weights = rule(method, n_steps)

    edges = np.concatenate([[0], np.cumsum(weights)])
    assert edges[-1] == pytest.approx(1)
    assert (edges[:-1] <= places + 1e-12).all()
    assert (places <= edges[1:] + 1e-12).all()


@pytest.mark.parametrize(
    ("method", "off"),
    [
        ("gausslegendre", 1e-9),
        ("riemann_middle", 1e-3),
        ("riemann_trapezoid", 1e-3),
        ("riemann_left", 0.1),
        ("riemann_right", 0.1),
    ],
)
def test_attributions_add_up_to_the_difference_of_outputs(network, x, baseline, method, off):
    shares, delta = IntegratedGradients(network).attribute(
        x, baseline, target=1, method=method, return_convergence_delta=True
    )

    with azuraforge.no_grad():
        gained = (network(x) - network(baseline)).numpy()[:, 1]
    np.testing.assert_allclose(shares.numpy().sum(1), gained, atol=off)
    np.testing.assert_allclose(delta.numpy(), shares.numpy().sum(1) - gained, atol=1e-12)


def test_a_linear_model_gives_its_terms(linear, weights, x, baseline):
    shares = IntegratedGradients(linear).attribute(x, baseline, n_steps=1)

    np.testing.assert_allclose(shares.numpy(), (x.numpy() - baseline.numpy()) * weights)


def test_a_product_is_shared_as_its_integral_says(x):
    shares = IntegratedGradients(lambda x: x[:, 0] ** 2 * x[:, 1]).attribute(x)

    product = x.numpy()[:, 0] ** 2 * x.numpy()[:, 1]  # ∫ 2 a² da and ∫ a² da of it
    expected = np.stack([product * 2 / 3, product / 3, 0 * product, 0 * product], axis=1)
    np.testing.assert_allclose(shares.numpy(), expected, atol=1e-12)


def test_it_is_linear_in_the_model(network, kinked, x):
    def both(x):
        return 2.0 * network(x) - 3.0 * kinked(x)

    one, other, sum_ = (
        IntegratedGradients(model).attribute(x, target=0).numpy()
        for model in (network, kinked, both)
    )

    np.testing.assert_allclose(sum_, 2 * one - 3 * other, atol=1e-12)


def test_features_that_are_alike_have_equal_shares(x):
    x.data[:, 1] = x.data[:, 0]

    shares = IntegratedGradients(lambda x: (x[:, 0] * x[:, 1] + x[:, 2]).tanh()).attribute(x)

    np.testing.assert_allclose(shares.numpy()[:, 0], shares.numpy()[:, 1], atol=1e-12)


@pytest.mark.parametrize("rows", [1, 5, 12, 1000])
def test_points_can_go_through_the_model_in_parts(network, x, rows):
    seen = []

    def model(x):
        seen.append(len(x))
        return network(x)

    targets = [0, 1, 2, 0, 1]
    expected = IntegratedGradients(network).attribute(x, target=targets, n_steps=7)
    found = IntegratedGradients(model).attribute(
        x, target=targets, n_steps=7, internal_batch_size=rows
    )

    assert max(seen) <= max(rows, 5)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-12)


def test_without_the_inputs_it_is_the_mean_gradient(network, x, baseline):
    mean = IntegratedGradients(network, multiply_by_inputs=False).attribute(x, baseline, target=0)
    shares = IntegratedGradients(network).attribute(x, baseline, target=0)

    np.testing.assert_allclose(mean.numpy() * (x - baseline).numpy(), shares.numpy())


def test_settings_out_of_range_say_so(network, x):
    explain = IntegratedGradients(network).attribute

    with pytest.raises(ConfigError, match="n_steps 0"):
        explain(x, target=0, n_steps=0)
    with pytest.raises(ConfigError, match="method 'simpson'; allowed: gausslegendre"):
        explain(x, target=0, method="simpson")
    with pytest.raises(ConfigError, match="internal_batch_size 0"):
        explain(x, target=0, internal_batch_size=0)
    with pytest.raises(ShapeError, match=r"\(3, 4\)"):
        explain(x, x[:3], target=0)
    with pytest.raises(ShapeError, match="2 baselines for 1 inputs"):
        explain(x, (0, 0), target=0)
