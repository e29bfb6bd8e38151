"""Gradients of another making: guided, deconvolved, DeepLIFT's."""

from __future__ import annotations

import numpy as np
import pytest

import azuraforge
from azuraforge import nn
from azuraforge.attributions import Deconvolution, DeepLift, GuidedBackprop, Saliency
from azuraforge.engine.random import Generator, using
from azuraforge.errors import ConfigError


def by_hand(model, x, target, back):
    """The gradient of Linear and ReLU layers in turn. Shape: (batch, features) -> the same"""
    layers, inputs = list(model), [x]
    for layer in layers[:-1]:
        with azuraforge.no_grad():
            inputs.append(layer(azuraforge.tensor(inputs[-1])).numpy())
    g = np.zeros((len(x), 3))
    g[:, target] = 1
    for layer, at in zip(reversed(layers), reversed(inputs), strict=True):
        g = g @ layer.weight.data if isinstance(layer, nn.Linear) else back(at, g)
    return g


@pytest.mark.parametrize(
    ("method", "back"),
    [
        (GuidedBackprop, lambda x, g: g * (g > 0) * (x > 0)),
        (Deconvolution, lambda x, g: g * (g > 0)),
    ],
    ids=["guided", "deconvolution"],
)
def test_relus_pass_back_what_the_method_says(kinked, x, method, back):
    found = method(kinked).attribute(x, target=1)

    np.testing.assert_allclose(found.numpy(), by_hand(kinked, x.numpy(), 1, back), atol=1e-14)
    plain = Saliency(kinked).attribute(x, target=1, abs=False)  # and the hooks are gone
    expected = by_hand(kinked, x.numpy(), 1, lambda x, g: g * (x > 0))
    np.testing.assert_allclose(plain.numpy(), expected, atol=1e-14)


def test_a_relu_used_twice_is_seen_twice(rng):
    relu = nn.ReLU()
    with using(Generator(0)):
        model = nn.Sequential(nn.Linear(4, 6), relu, nn.Linear(6, 6), relu, nn.Linear(6, 3))
    model, x = model.double(), azuraforge.tensor(rng.standard_normal((4, 4)))

    guided = GuidedBackprop(model).attribute(x, target=0)
    _, delta = DeepLift(model).attribute(x, target=0, return_convergence_delta=True)

    expected = by_hand(model, x.numpy(), 0, lambda x, g: g * (g > 0) * (x > 0))
    np.testing.assert_allclose(guided.numpy(), expected, atol=1e-14)
    np.testing.assert_allclose(delta.numpy(), 0, atol=1e-12)


@pytest.mark.parametrize("kind", ["kinked", "network"])
def test_deep_lift_adds_up(kind, request, x, baseline):
    model = request.getfixturevalue(kind)

    shares, delta = DeepLift(model).attribute(
        x, baseline, target=[0, 1, 2, 1, 0], return_convergence_delta=True
    )

    assert DeepLift(model).has_convergence_delta()
    assert shares.shape == x.shape
    np.testing.assert_allclose(delta.numpy(), 0, atol=1e-12)


def test_deep_lift_adds_up_over_max_pools_and_softmax(convolved, images, rng):
    model = nn.Sequential(*convolved, nn.Softmax(1))
    other = azuraforge.tensor(rng.standard_normal(images.shape))

    _, delta = DeepLift(model).attribute(images, other, target=2, return_convergence_delta=True)

    np.testing.assert_allclose(delta.numpy(), 0, atol=1e-12)


def test_deep_lift_of_one_unit_is_its_rule(x, baseline):
    linear = nn.Linear(4, 1).double()
    model = nn.Sequential(linear, nn.Sigmoid())

    found = DeepLift(model).attribute(x, baseline)

    with azuraforge.no_grad():
        slope = (model(x) - model(baseline)).numpy() / (linear(x) - linear(baseline)).numpy()
    expected = (x - baseline).numpy() * linear.weight.data * slope
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_deep_lift_sees_what_a_gradient_of_0_hides():
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)).double()
    for w, value in zip(model.parameters(), (-1.0, 1.0, -1.0, 1.0), strict=True):
        w.data[...] = value  # 1 - relu(1 - x), the example of the paper
    x = azuraforge.tensor(np.array([[2.0]]))

    assert Saliency(model).attribute(x).item() == 0
    assert DeepLift(model).attribute(x).item() == pytest.approx(1)


def test_where_nothing_changed_deep_lift_has_the_gradient(network, x):
    found = DeepLift(network, multiply_by_inputs=False).attribute(x, x, target=0)

    expected = Saliency(network).attribute(x, target=0, abs=False)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-14)


@pytest.mark.parametrize("method", [GuidedBackprop, Deconvolution, DeepLift])
def test_a_function_has_no_modules_to_look_into(method):
    with pytest.raises(ConfigError, match="model is function; allowed: a module"):
        method(lambda x: x)
