"""Inside a model: what a layer shows, and how much flows through it."""

from __future__ import annotations

import numpy as np
import pytest

import azuraforge
from azuraforge import nn
from azuraforge.attributions import (
    GuidedBackprop,
    GuidedGradCam,
    IntegratedGradients,
    LayerActivation,
    LayerConductance,
    LayerGradCam,
)
from azuraforge.attributions.grad_cam import nearest
from azuraforge.errors import ConfigError, ShapeError


@azuraforge.no_grad()
def up_to(model, layers, x):
    return nn.Sequential(*list(model)[:layers])(x).numpy()


def hooks(model):
    return [
        len(getattr(m._hooks, kind, ()))
        for _, m in model.named_modules()
        for kind in ("before", "after", "before_backward", "after_backward")
    ]


def test_an_activation_is_what_the_layer_gives_or_gets(convolved, images):
    given = LayerActivation(convolved, convolved[2]).attribute(images)
    got = LayerActivation(convolved, convolved[2]).attribute(images, attribute_to_layer_input=True)

    np.testing.assert_array_equal(given.numpy(), up_to(convolved, 3, images))
    np.testing.assert_array_equal(got.numpy(), up_to(convolved, 2, images))
    assert not any(hooks(convolved))


def test_a_layer_of_several_outputs_has_several_activations(rng):
    lstm = nn.LSTM(3, 4, batch_first=True)

    def model(x):
        return lstm(x)[0][:, -1]

    x = azuraforge.tensor(rng.standard_normal((2, 5, 3)).astype(np.float32))
    found = LayerActivation(model, lstm).attribute(x)

    with azuraforge.no_grad():
        expected = lstm(x)[0].numpy()
    outputs = found[0] if isinstance(found, tuple) else found
    np.testing.assert_array_equal(outputs.numpy(), expected)


@pytest.mark.parametrize("of_input", [False, True])
def test_conductance_adds_up_in_every_layer(network, x, baseline, of_input):
    for layer in network:
        explain = LayerConductance(network, layer)
        shares, delta = explain.attribute(
            x, baseline, target=1, attribute_to_layer_input=of_input, return_convergence_delta=True
        )
        assert explain.has_convergence_delta()
        assert shares.shape == ((5, 4) if of_input and layer is network[0] else shares.shape)
        np.testing.assert_allclose(delta.numpy(), 0, atol=1e-4)


def test_the_conductance_of_the_input_is_its_integrated_gradients(network, x, baseline):
    expected = IntegratedGradients(network).attribute(x, baseline, target=2)

    found = LayerConductance(network, network[0]).attribute(
        x, baseline, target=2, attribute_to_layer_input=True
    )

    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-10)


def test_the_conductance_of_a_linear_head_is_its_terms(kinked, x, baseline):
    head = kinked[4]

    found = LayerConductance(kinked, kinked[3]).attribute(x, baseline, target=2, n_steps=3)

    moved = up_to(kinked, 4, x) - up_to(kinked, 4, baseline)
    np.testing.assert_allclose(found.numpy(), moved * head.weight.data[2], atol=1e-12)


@pytest.mark.parametrize("rows", [1, 10, 23])
def test_conductance_in_parts_is_the_same(network, x, rows):
    explain = LayerConductance(network, network[1]).attribute
    expected = explain(x, target=[0, 1, 2, 0, 1])

    found = explain(x, target=[0, 1, 2, 0, 1], internal_batch_size=rows)

    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-12)


def test_gradcam_of_pooled_channels_is_their_weighted_sum(rng, images):
    weights = rng.standard_normal((3, 2))

    def model(x):
        return layer(x).mean((2, 3)) @ azuraforge.tensor(weights.T)

    layer = nn.Identity()
    found = LayerGradCam(model, layer).attribute(images, target=1)
    positive = LayerGradCam(model, layer).attribute(images, target=1, relu_attributions=True)
    each = LayerGradCam(model, layer).attribute(images, target=1, attr_dim_summation=False)

    expected = np.einsum("c,bchw->bhw", weights[1], images.numpy())[:, None] / 64
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(positive.numpy(), expected.clip(0), atol=1e-12)
    np.testing.assert_allclose(each.numpy().sum(1, keepdims=True), expected, atol=1e-12)


def test_guided_gradcam_is_the_product_of_both(convolved, images):
    found = GuidedGradCam(convolved, convolved[2]).attribute(images, target=0)

    guided = GuidedBackprop(convolved).attribute(images, target=0).numpy()
    cam = LayerGradCam(convolved, convolved[2]).attribute(images, 0, relu_attributions=True)
    larger = cam.numpy().repeat(2, 2).repeat(2, 3)
    np.testing.assert_allclose(found.numpy(), guided * larger, atol=1e-15)


def test_a_map_grows_to_any_size():
    assert nearest(np.array([[[1, 2]]]), (1, 3, 5)).tolist() == [[[1, 1, 1, 2, 2]]]
    with pytest.raises(ShapeError, match="as many axes"):
        nearest(np.zeros((1, 1, 2)), (1, 1, 4, 4))


def test_frozen_parameters_and_gradients_that_are_there_do_not_matter(convolved, images):
    expected = LayerGradCam(convolved, convolved[3]).attribute(images, target=0).numpy()
    for w in convolved.parameters():
        w.requires_grad_(False)

    with azuraforge.no_grad():
        found = LayerGradCam(convolved, convolved[3]).attribute(images, target=0)

    np.testing.assert_array_equal(found.numpy(), expected)
    assert all(w.grad is None for w in convolved.parameters())


def test_a_layer_must_be_called_and_just_once(network, x):
    def twice(x):
        return network(network(x)[:, :1] + x)

    with pytest.raises(ConfigError, match="does not call the layer Linear"):
        LayerActivation(network, nn.Linear(4, 4)).attribute(x)
    with pytest.raises(ConfigError, match="calls the layer Tanh more than once"):
        LayerActivation(twice, network[1]).attribute(x)
    with pytest.raises(ConfigError, match="layer is str"):
        LayerActivation(network, "0")
    assert not any(hooks(network))
