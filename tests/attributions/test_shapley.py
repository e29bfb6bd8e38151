"""Shapley values: the exact ones by all orders, the others by the exact ones."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

import azuraforge
from azuraforge.attributions import KernelShap, Lime, ShapleyValues, ShapleyValueSampling
from azuraforge.attributions.lime import lasso
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError


@pytest.fixture
def exact(kinked, x, baseline):
    return ShapleyValues(kinked).attribute(x, baseline, target=0).numpy()


def by_all_orders(model, x, baseline):
    """Shapley's definition, with one example. Shape: (features,) -> (features,)"""
    orders = list(permutations(range(len(x))))
    total = np.zeros(len(x))
    for order in orders:
        at, before = baseline.copy(), model(baseline)
        for player in order:
            at[player] = x[player]
            total[player] += model(at) - before
            before = model(at)
    return total / len(orders)


def test_exact_values_are_the_mean_over_all_orders(kinked, x, baseline, exact):
    @azuraforge.no_grad()
    def model(row):
        return kinked(azuraforge.tensor(row[None])).numpy()[0, 0]

    for i in range(5):
        expected = by_all_orders(model, x.numpy()[i], baseline.numpy()[i])
        np.testing.assert_allclose(exact[i], expected, atol=1e-12)


def test_they_add_up_and_a_dummy_has_none(kinked, x, baseline):
    def model(x):
        return kinked(x * azuraforge.tensor(np.array([1.0, 1.0, 0.0, 1.0])))

    for method, settings in [
        (ShapleyValues, {}),
        (ShapleyValueSampling, {"n_samples": 3, "generator": Generator(0)}),
        (KernelShap, {"n_samples": 14}),
    ]:
        explain = method(model)
        shares = explain.attribute(x, baseline, target=0, **settings)
        delta = explain.compute_convergence_delta(shares, baseline, x, target=0)
        assert explain.has_convergence_delta()
        np.testing.assert_allclose(delta.numpy(), 0, atol=1e-12)
        np.testing.assert_allclose(shares.numpy()[:, 2], 0, atol=1e-12)


def test_many_orders_come_near_the_exact_values(kinked, x, baseline, exact, generator):
    found = ShapleyValueSampling(kinked).attribute(
        x, baseline, target=0, n_samples=2000, perturbations_per_eval=3, generator=generator
    )

    np.testing.assert_allclose(found.numpy(), exact, atol=0.02)


def test_the_regression_is_exact_when_it_has_all_coalitions(kinked, x, baseline, exact):
    found = KernelShap(kinked).attribute(
        x, baseline, target=0, n_samples=14, perturbations_per_eval=100
    )

    np.testing.assert_allclose(found.numpy(), exact, atol=1e-12)


def test_the_regression_of_drawn_coalitions_comes_near(rng, generator):
    weights = rng.standard_normal((12, 12))
    x = azuraforge.tensor(rng.standard_normal((2, 12)))

    def model(x):
        return ((x @ azuraforge.tensor(weights)) * x).sum(1)  # pairs: shared half and half

    expected = x.numpy() * (x.numpy() @ (weights + weights.T)) / 2
    found = KernelShap(model).attribute(x, n_samples=2000, generator=generator)
    rough = KernelShap(model).attribute(x, n_samples=40, generator=generator)

    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)  # each with its complement:
    np.testing.assert_allclose(rough.numpy(), expected, atol=1e-6)  # pairs cancel out


@pytest.mark.parametrize("method", [ShapleyValues, ShapleyValueSampling, KernelShap])
def test_features_are_groups_in_any_input(method, x, baseline):
    def model(a, b):
        return a.sum(1) * b.sum(1)

    masks = np.zeros((1, 4), int), np.ones((1, 4), int)
    a, b = (
        method(model).attribute((x, baseline), feature_mask=masks, n_samples=50)
        if (method is not ShapleyValues)
        else method(model).attribute((x, baseline), feature_mask=masks)
    )

    product = (x.numpy().sum(1) * baseline.numpy().sum(1))[:, None].repeat(4, 1)
    atol = 1e-12 if method is not ShapleyValueSampling else np.abs(product).max()
    np.testing.assert_allclose(a.numpy(), product / 2, atol=atol)
    np.testing.assert_allclose(a.numpy() + b.numpy(), product)


@pytest.mark.parametrize("method", [ShapleyValues, ShapleyValueSampling, KernelShap])
def test_a_single_feature_has_it_all(method, linear, x):
    found = method(linear).attribute(x, feature_mask=np.zeros((1, 4), int))

    with azuraforge.no_grad():
        gained = linear(x).numpy() - 2
    np.testing.assert_allclose(found.numpy(), gained[:, None].repeat(4, 1))


def test_lime_finds_the_terms_of_a_linear_model(linear, weights, x, generator):
    found = Lime(linear, alpha=0.0).attribute(x, n_samples=60, generator=generator)

    np.testing.assert_allclose(found.numpy(), x.numpy() * weights, atol=1e-6)


def test_lime_leaves_out_what_hardly_counts(generator):
    x = azuraforge.tensor(np.ones((1, 3)))

    def model(x):
        return x @ azuraforge.tensor(np.array([2.0, 0.001, -1.0]))

    found = Lime(model).attribute(x, n_samples=200, generator=generator).numpy()[0]

    assert found[1] == 0
    np.testing.assert_allclose(found[[0, 2]], [2, -1], atol=0.1)


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.5])
def test_the_lasso_is_scikit_learns(rng, alpha):
    model = pytest.importorskip("sklearn.linear_model").Lasso(alpha=alpha, tol=1e-12)
    x, y, weights = rng.integers(0, 2, (40, 6)), rng.standard_normal(40), rng.uniform(size=40)
    y += x @ np.array([3.0, 0, 0, -1, 0, 0.2])

    found = lasso(x.astype(float), y, weights, alpha)

    np.testing.assert_allclose(found, model.fit(x, y, sample_weight=weights).coef_, atol=1e-6)


def test_settings_out_of_range_say_so(linear, rng):
    wide = azuraforge.tensor(rng.standard_normal((1, 21)))

    with pytest.raises(ConfigError, match="21 features have 2\\^21 coalitions"):
        ShapleyValues(lambda x: x.sum(1)).attribute(wide)
    for method in ShapleyValueSampling, KernelShap, Lime:
        with pytest.raises(ConfigError, match="n_samples 0"):
            method(lambda x: x.sum(1)).attribute(wide, n_samples=0)
    with pytest.raises(ConfigError, match="alpha -1"):
        Lime(linear, alpha=-1)
