"""Ablation, permutation and occlusion of models whose losses can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

import azuraforge
from azuraforge.attributions import FeatureAblation, FeaturePermutation, Occlusion
from azuraforge.errors import ConfigError, DTypeError, ShapeError


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_ablation_of_a_linear_model_takes_its_terms(linear, weights, x, baseline, at_once):
    found = FeatureAblation(linear).attribute(x, baseline, perturbations_per_eval=at_once)

    np.testing.assert_allclose(found.numpy(), (x - baseline).numpy() * weights, atol=1e-12)


def test_a_mask_takes_features_away_together_in_whatever_input(x, baseline):
    def model(a, b):
        return a.sum(1) * b.sum(1)

    masks = np.array([[0, 0, 1, 1]]), np.array([[2, 2, 2, 1]])
    a, b = FeatureAblation(model).attribute((x, baseline), feature_mask=masks)

    full = x.numpy().sum(1) * baseline.numpy().sum(1)
    without_1 = x.numpy()[:, :2].sum(1) * baseline.numpy()[:, :3].sum(1)
    without_0 = x.numpy()[:, 2:].sum(1) * baseline.numpy().sum(1)
    np.testing.assert_allclose(a.numpy()[:, 2], full - without_1)
    np.testing.assert_allclose(b.numpy()[:, 3], full - without_1)
    np.testing.assert_allclose(a.numpy()[:, 0], full - without_0)
    np.testing.assert_array_equal(a.numpy()[:, 0], a.numpy()[:, 1])


def test_each_example_can_have_its_own_mask(linear, weights, x):
    mask = np.array([[0, 0, 0, 1], [0, 1, 1, 1]] + [[0, 1, 2, 3]] * 3)

    found = FeatureAblation(linear).attribute(x, feature_mask=mask).numpy()

    terms = x.numpy() * weights
    np.testing.assert_allclose(found[0], [*[terms[0, :3].sum()] * 3, terms[0, 3]])
    np.testing.assert_allclose(found[1], [terms[1, 0], *[terms[1, 1:].sum()] * 3])


@pytest.mark.parametrize("at_once", [1, 4])
@pytest.mark.parametrize(
    "as_what", [lambda y: y.mean(), lambda y: y.mean().item()], ids=["tensor", "number"]
)
def test_a_model_that_says_one_thing_of_all_has_one_row(linear, weights, x, at_once, as_what):
    found = FeatureAblation(lambda x: as_what(linear(x))).attribute(
        x, perturbations_per_eval=at_once
    )

    np.testing.assert_allclose(found.numpy(), [x.numpy().mean(0) * weights], atol=1e-12)


def test_whole_numbers_can_be_taken_away(x):
    table = np.array([0.0, 1.0, 4.0, 9.0])
    numbers = azuraforge.tensor([[1, 2], [3, 3]])

    found = FeatureAblation(lambda n: azuraforge.tensor(table[n.numpy()].sum(1))).attribute(numbers)

    np.testing.assert_allclose(found.numpy(), [[1, 4], [9, 9]])


def test_permutation_takes_what_others_have(linear, weights, x):
    def reversed_rows(x, mask):
        return azuraforge.tensor(np.where(mask.numpy(), x.numpy()[::-1], x.numpy()))

    found = FeaturePermutation(linear).attribute(x, perm_func=reversed_rows)

    np.testing.assert_allclose(found.numpy(), (x.numpy() - x.numpy()[::-1]) * weights, atol=1e-12)


def test_permutation_shuffles_by_the_generator(linear, weights, x, generator):
    found = FeaturePermutation(linear).attribute(x, generator=generator).numpy()

    taken = x.numpy() - found / weights
    np.testing.assert_allclose(np.sort(taken, axis=0), np.sort(x.numpy(), axis=0))
    assert not np.allclose(taken, x.numpy())


def test_windows_of_one_element_are_ablation(network, x, baseline):
    expected = FeatureAblation(network).attribute(x, baseline, target=1)

    found = Occlusion(network).attribute(x, (1,), baselines=baseline, target=1)

    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-12)


def test_an_element_has_the_mean_of_the_windows_that_cover_it():
    x = azuraforge.tensor(np.arange(1.0, 6.0)[None])

    found = Occlusion(lambda x: x.sum(1)).attribute(x, (2,), strides=2)  # 0-1, 2-3, 4
    overlapping = Occlusion(lambda x: x.sum(1)).attribute(x, (3,), strides=2)  # 0-2, 2-4

    np.testing.assert_allclose(found.numpy(), [[3, 3, 7, 7, 5]])
    np.testing.assert_allclose(overlapping.numpy(), [[6, 6, (6 + 12) / 2, 12, 12]])


def test_windows_over_images_and_a_second_input(rng):
    image = azuraforge.tensor(rng.standard_normal((2, 1, 4, 4)))
    row = azuraforge.tensor(rng.standard_normal((2, 3)))

    def model(a, b):
        return a.sum((1, 2, 3)) + b.sum(1)

    a, b = Occlusion(model).attribute((image, row), ((1, 2, 2), (3,)), strides=((1, 2, 2), 1))

    blocks = image.numpy().reshape(2, 1, 2, 2, 2, 2).sum((3, 5))
    np.testing.assert_allclose(a.numpy(), blocks.repeat(2, axis=2).repeat(2, axis=3))
    np.testing.assert_allclose(b.numpy(), row.numpy().sum(1, keepdims=True).repeat(3, 1))


def test_settings_out_of_range_say_so(linear, x):
    with pytest.raises(ConfigError, match="perturbations_per_eval 0"):
        FeatureAblation(linear).attribute(x, perturbations_per_eval=0)
    with pytest.raises(ShapeError, match=r"mask of shape \(3,\) for an input of shape \(5, 4\)"):
        FeatureAblation(linear).attribute(x, feature_mask=np.arange(3))
    with pytest.raises(DTypeError, match="mask of float64"):
        FeatureAblation(linear).attribute(x, feature_mask=np.ones(4))
    with pytest.raises(ShapeError, match="a row per example"):
        FeaturePermutation(linear).attribute(x, feature_mask=np.zeros((5, 4), int))
    for window, stride in ((5,), 1), ((0,), 1), ((2, 2), 1), (2, 1), ((2,), (0,)):
        with pytest.raises(ConfigError, match="sliding_window_shapes"):
            Occlusion(linear).attribute(x, window, strides=stride)
