"""Saliency and InputXGradient beside finite differences and the weights of a linear model."""

from __future__ import annotations

import numpy as np
import pytest

import azuraforge
from azuraforge.attributions import InputXGradient, Saliency
from azuraforge.errors import ConfigError, DTypeError, ShapeError


def differences(function, x, step=1e-6):
    """Central ones. Shape: x (batch, features) -> the same"""
    found = np.zeros_like(x)
    for j in range(x.shape[1]):
        move = np.zeros_like(x)
        move[:, j] = step
        found[:, j] = (function(x + move) - function(x - move)) / (2 * step)
    return found


def test_saliency_is_the_size_of_the_gradient(network, x):
    with azuraforge.no_grad():
        expected = differences(lambda at: network(azuraforge.tensor(at)).numpy()[:, 2], x.numpy())

    signed = Saliency(network).attribute(x, target=2, abs=False)
    found = Saliency(network).attribute(x, target=2)

    np.testing.assert_allclose(signed.numpy(), expected, atol=1e-8)
    np.testing.assert_array_equal(found.numpy(), np.abs(signed.numpy()))


def test_input_x_gradient_of_a_linear_model_is_its_terms(linear, weights, x):
    found = InputXGradient(linear).attribute(x)

    np.testing.assert_allclose(found.numpy(), x.numpy() * weights, rtol=1e-12)


@pytest.mark.parametrize("as_what", [list, np.array, azuraforge.tensor])
def test_each_example_can_have_its_own_target(network, x, as_what):
    targets = [0, 2, 1, 1, 0]

    found = Saliency(network).attribute(x, target=as_what(targets))

    for i, target in enumerate(targets):
        alone = Saliency(network).attribute(x[i : i + 1], target=target)
        np.testing.assert_allclose(found.numpy()[i : i + 1], alone.numpy(), rtol=1e-12)


def test_a_place_in_an_output_of_more_axes_is_a_tuple(network, x):
    def grid(x):
        return network(x).reshape(-1, 3, 1)

    found = Saliency(grid).attribute(x, target=(1, 0))
    each = Saliency(grid).attribute(x, target=[(1, 0)] * 5)

    expected = Saliency(network).attribute(x, target=1).numpy()
    np.testing.assert_array_equal(found.numpy(), expected)
    np.testing.assert_array_equal(each.numpy(), expected)


def test_several_inputs_come_back_as_several_and_more_arguments_go_along(x, baseline):
    def model(a, b, power, rows):
        return (a**power * b * rows).sum(1)

    rows = azuraforge.tensor(np.arange(5.0)[:, None])
    a, b = InputXGradient(model).attribute((x, baseline), additional_forward_args=(2, rows))

    product = x.numpy() ** 2 * baseline.numpy() * rows.numpy()
    np.testing.assert_allclose(a.numpy(), 2 * product)
    np.testing.assert_allclose(b.numpy(), product)


def test_an_input_that_nothing_depends_on_has_no_share(x, baseline):
    _, b = Saliency(lambda a, b: a.sum(1)).attribute((x, baseline))

    assert not b.numpy().any()


def test_model_and_inputs_stay_as_they_were(network, x):
    network.eval()
    (w, *_) = network.parameters()
    w.grad = azuraforge.tensor(np.ones(w.shape))
    x.requires_grad_()

    with azuraforge.no_grad():
        found = Saliency(network).attribute(x, target=0)

    assert not found.requires_grad
    assert x.grad is None
    assert (w.grad.numpy() == 1).all()
    assert not network.training


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (None, ShapeError),
        (7, ShapeError),
        ((0, 0), ShapeError),
        ([0, 1], ShapeError),
        ([0.5], ConfigError),
    ],
)
def test_a_target_that_names_no_output_says_so(network, x, target, error):
    with pytest.raises(error, match="target"):
        Saliency(network).attribute(x, target=target)


def test_inputs_that_cannot_be_explained_say_so(network, x):
    with pytest.raises(DTypeError, match="Saliency: an input of int64 has no gradient"):
        Saliency(network).attribute(azuraforge.tensor([[1, 2, 3, 4]]), target=0)
    with pytest.raises(ShapeError, match=r"\(5, 4\).*\(3, 4\)"):
        Saliency(network).attribute((x, x[:3]), target=0)
    with pytest.raises(DTypeError, match="str"):
        Saliency(network).attribute("x", target=0)
    with pytest.raises(ConfigError, match="tuple"):
        Saliency(lambda x: (x, x)).attribute(x, target=0)
