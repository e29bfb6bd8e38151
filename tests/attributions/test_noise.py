"""Averages over noise: without noise the method itself, with it what statistics say."""

from __future__ import annotations

import numpy as np
import pytest

import azuraforge
from azuraforge.attributions import (
    GradientShap,
    IntegratedGradients,
    NoiseTunnel,
    Saliency,
    SmoothGrad,
)
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError, ShapeError


def test_without_noise_the_method_is_itself(network, x, generator):
    expected = Saliency(network).attribute(x, target=[0, 1, 2, 0, 1]).numpy()
    explain = NoiseTunnel(Saliency(network)).attribute

    same, squares, variance = (
        explain(x, kind, target=[0, 1, 2, 0, 1], stdevs=0.0, generator=generator).numpy()
        for kind in ("smoothgrad", "smoothgrad_sq", "vargrad")
    )

    np.testing.assert_allclose(same, expected)
    np.testing.assert_allclose(squares, expected**2)
    np.testing.assert_allclose(variance, 0, atol=1e-30)


def test_the_mean_gradient_of_a_square_stays_and_its_variance_is_the_noises(x, generator):
    def model(x):
        return (x * x).sum(1)  # gradient 2 (x + noise)

    settings = {"nt_samples": 4000, "stdevs": 0.5, "abs": False, "generator": generator}
    mean = SmoothGrad(model).attribute(x, **settings).numpy()
    variance = SmoothGrad(model).attribute(x, "vargrad", **settings).numpy()

    np.testing.assert_allclose(mean, 2 * x.numpy(), atol=5 * 1.0 / np.sqrt(4000))
    np.testing.assert_allclose(variance, 1.0, rtol=0.15)


def test_each_input_has_its_own_deviation(x, baseline, generator):
    def model(a, b):
        return (a * a + b * b).sum(1)

    a, b = SmoothGrad(model).attribute(
        (x, baseline), stdevs=(0.0, 1.0), abs=False, generator=generator
    )

    np.testing.assert_allclose(a.numpy(), 2 * x.numpy())
    assert (b.numpy() != 2 * baseline.numpy()).all()


def test_samples_in_parts_are_as_many(network, x):
    seen = []

    def model(x):
        seen.append(len(x))
        return network(x)

    SmoothGrad(model).attribute(
        x, target=0, nt_samples=7, nt_samples_batch_size=3, generator=Generator(0)
    )

    assert seen == [15, 15, 5]


def test_a_delta_is_that_of_each_sample(network, x):
    rough = {"target": 0, "n_steps": 1, "return_convergence_delta": True}
    tunnel = NoiseTunnel(IntegratedGradients(network))

    shares, delta = tunnel.attribute(x, nt_samples=3, stdevs=0.0, **rough)

    expected, off = IntegratedGradients(network).attribute(x, **rough)
    assert tunnel.has_convergence_delta()
    np.testing.assert_allclose(shares.numpy(), expected.numpy(), atol=1e-12)
    np.testing.assert_allclose(delta.numpy(), off.numpy().repeat(3), atol=1e-12)


def test_baselines_can_be_drawn_for_each_sample(linear, weights, x, generator):
    rows = azuraforge.tensor(np.array([[1.0] * 4, [3.0] * 4]))

    shares = NoiseTunnel(IntegratedGradients(linear)).attribute(
        x, baselines=rows, draw_baseline_from_distrib=True,
        nt_samples=2000, stdevs=0.0, n_steps=1, generator=generator,
    )  # fmt: skip

    expected = (x.numpy() - 2) * weights
    np.testing.assert_allclose(shares.numpy(), expected, atol=5 * abs(weights).max() / 2000**0.5)


def test_gradient_shap_of_a_linear_model_is_the_difference_from_the_mean(
    linear, weights, x, generator
):
    rows = azuraforge.tensor(np.array([[1.0] * 4, [2.0] * 4, [6.0] * 4]))

    shares, delta = GradientShap(linear).attribute(
        x, rows, n_samples=4000, return_convergence_delta=True, generator=generator
    )

    deviation = rows.numpy()[:, 0].std() * abs(weights).max()
    expected = (x.numpy() - 3) * weights
    np.testing.assert_allclose(shares.numpy(), expected, atol=5 * deviation / 4000**0.5)
    np.testing.assert_allclose(delta.numpy(), 0, atol=1e-12)  # of each sample: it is linear


def test_gradient_shap_adds_up_on_average(network, x, generator):
    rows = azuraforge.tensor(np.zeros((1, 4)))

    shares, delta = GradientShap(network).attribute(
        x, lambda: rows, n_samples=4000, target=1, return_convergence_delta=True,
        generator=generator,
    )  # fmt: skip

    with azuraforge.no_grad():
        gained = (network(x) - network(rows)).numpy()[:, 1]
    assert delta.shape == (20_000,)
    off = delta.numpy().reshape(5, 4000).mean(1)  # the samples of an example lie together
    np.testing.assert_allclose(off, shares.numpy().sum(1) - gained, atol=1e-12)
    spread = delta.numpy().reshape(5, 4000).std(1) / 4000**0.5
    np.testing.assert_array_less(abs(shares.numpy().sum(1) - gained), 5 * spread + 1e-9)


def test_the_same_generator_draws_the_same(network, x):
    one, other, third = (
        SmoothGrad(network).attribute(x, target=0, generator=Generator(seed)).numpy()
        for seed in (3, 3, 4)
    )

    np.testing.assert_array_equal(one, other)
    assert (one != third).any()


def test_settings_out_of_range_say_so(network, x):
    with pytest.raises(ConfigError, match="nt_type 'mean'; allowed: smoothgrad"):
        SmoothGrad(network).attribute(x, "mean", target=0)
    with pytest.raises(ConfigError, match="0 samples"):
        SmoothGrad(network).attribute(x, target=0, nt_samples=0)
    with pytest.raises(ConfigError, match="stdevs -1"):
        SmoothGrad(network).attribute(x, target=0, stdevs=-1.0)
    with pytest.raises(ShapeError, match="baselines of shapes"):
        GradientShap(network).attribute(x, azuraforge.tensor(np.zeros((2, 3))), target=0)
