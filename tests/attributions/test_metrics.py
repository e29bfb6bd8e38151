"""Infidelity, sensitivity and rollout, of cases that can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

import azuraforge
from azuraforge.attributions import (
    InputXGradient,
    IntegratedGradients,
    Saliency,
    attention_rollout,
    infidelity,
    infidelity_perturb_func_decorator,
    sensitivity_max,
)
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError, ShapeError


@pytest.fixture
def noise(rng):
    """(perturbations, inputs without them)"""

    def perturb(x):
        moves = rng.standard_normal(x.shape)
        return azuraforge.tensor(moves), azuraforge.tensor(x.numpy() - moves)

    return perturb


@pytest.mark.parametrize("rows", [None, 1, 7])
def test_a_linear_models_gradient_is_faithful(linear, x, noise, rows):
    gradient = Saliency(linear).attribute(x, abs=False)

    found = infidelity(linear, noise, x, gradient, max_examples_per_batch=rows)

    assert found.shape == (5,)
    np.testing.assert_allclose(found.numpy(), 0, atol=1e-20)


def test_what_is_wrong_with_attributions_counts_as_its_square(linear, x):
    gradient = Saliency(linear).attribute(x, abs=False).numpy().copy()
    gradient[:, 2] += np.arange(5)

    def ones(x):
        return np.ones(x.shape), azuraforge.tensor(x.numpy() - 1)

    found = infidelity(linear, ones, x, azuraforge.tensor(gradient))

    np.testing.assert_allclose(found.numpy(), np.arange(5.0) ** 2, atol=1e-12)


def test_scaled_attributions_are_as_faithful_if_normalized(linear, x, noise):
    gradient = Saliency(linear).attribute(x, abs=False)

    found = infidelity(linear, noise, x, 7.0 * gradient, normalize=True)

    np.testing.assert_allclose(found.numpy(), 0, atol=1e-20)


@pytest.mark.parametrize("baselines", [None, 1.5])
def test_shares_that_were_multiplied_are_taken_by_their_part(linear, x, rng, baselines):
    @infidelity_perturb_func_decorator(multiply_by_inputs=True)
    def shaken(x, baselines=None):
        return azuraforge.tensor(x.numpy() + rng.standard_normal(x.shape))

    shares = IntegratedGradients(linear).attribute(x, baselines)

    found = infidelity(linear, shaken, x, shares, baselines=baselines)

    np.testing.assert_allclose(found.numpy(), 0, atol=1e-18)


def test_several_inputs_are_one_example(x, baseline, noise):
    def model(a, b):
        return (a + 2.0 * b).sum(1)

    def both(inputs):
        (ia, a), (ib, b) = noise(inputs[0]), noise(inputs[1])
        return (ia, ib), (a, b)

    gradient = Saliency(model).attribute((x, baseline), abs=False)

    np.testing.assert_allclose(
        infidelity(model, both, (x, baseline), gradient).numpy(), 0, atol=1e-20
    )


def test_attributions_of_another_shape_say_so(linear, x, noise):
    with pytest.raises(ShapeError, match=r"\(5, 3\)"):
        infidelity(linear, noise, x, x[:, :3])


def test_a_constant_explanation_is_not_sensitive(linear, x, generator):
    explain = Saliency(linear).attribute

    assert not sensitivity_max(explain, x, generator=generator).numpy().any()


@pytest.mark.parametrize("rows", [None, 5, 12])
@pytest.mark.parametrize(("norm_ord", "size"), [("fro", 2), (1, 1), (np.inf, np.inf)])
def test_sensitivity_is_the_largest_relative_change(network, x, rows, norm_ord, size):
    explain = InputXGradient(network).attribute
    targets = [0, 1, 2, 1, 0]

    found = sensitivity_max(
        explain, x, lambda x: azuraforge.tensor(x.numpy() + 0.1), 0.1, 3, norm_ord, rows,
        target=targets,
    )  # fmt: skip

    before = explain(x, target=targets).numpy()
    after = explain(azuraforge.tensor(x.numpy() + 0.1), target=targets).numpy()
    norm = np.linalg.norm
    expected = norm(after - before, size, axis=1) / norm(before, size, axis=1)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_changes_stay_within_the_radius_and_follow_the_generator(x):
    def identity(x):
        return x

    one, same, wider = (
        sensitivity_max(
            identity, x, None, radius, 50, np.inf, generator=Generator(1)
        ).numpy() * abs(x.numpy()).max(1)
        for radius in (0.1, 0.1, 1.0)
    )  # fmt: skip

    np.testing.assert_array_equal(one, same)
    assert (one <= 0.1).all()
    assert (one > 0.09).all()
    np.testing.assert_allclose(wider, 10 * one, rtol=1e-6)


def test_rollout_is_the_product_of_attentions_with_their_residuals(rng):
    layers = [rng.uniform(size=(2, 3, 4, 4)) for _ in range(3)]
    layers = [w / w.sum(-1, keepdims=True) for w in layers]

    found = attention_rollout([azuraforge.tensor(w) for w in layers]).numpy()

    a, b, c = (0.5 * w.mean(1) + 0.5 * np.eye(4) for w in layers)
    np.testing.assert_allclose(found, c @ b @ a)
    np.testing.assert_allclose(found.sum(-1), 1)
    np.testing.assert_allclose(
        attention_rollout(layers[:1], "max", residual=0.0).numpy(),
        layers[0].max(1) / layers[0].max(1).sum(-1, keepdims=True),
    )


def test_rollout_of_weights_that_do_not_fit_says_so(rng):
    with pytest.raises(ShapeError, match=r"\(2, 3, 4, 5\)"):
        attention_rollout([rng.uniform(size=(2, 3, 4, 5))])
    with pytest.raises(ConfigError, match="head_fusion 'sum'"):
        attention_rollout([rng.uniform(size=(2, 4, 4))], "sum")
