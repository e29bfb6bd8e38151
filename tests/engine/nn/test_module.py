from __future__ import annotations

import numpy as np
import pytest

from azuraforge.engine import nn
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError


class Tied(nn.Module):
    """Two layers, one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(self.first(x))
        return y


def test_parameters_come_in_the_order_they_were_set() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Linear(4, 3))

    assert [path for path, _ in model.named_parameters()] == [
        "0.weight",
        "0.bias",
        "2.weight",
        "2.bias",
    ]


def test_a_shared_parameter_is_trained_once_and_saved_under_both_names() -> None:
    model = Tied()

    assert len(list(model.parameters())) == 3
    assert model.state_dict().keys() == {
        "first.weight",
        "first.bias",
        "second.weight",
        "second.bias",
    }


def test_an_attribute_set_anew_replaces_the_parameter() -> None:
    layer = nn.Linear(2, 2)

    layer.bias = None

    assert layer.state_dict().keys() == {"weight"}
    assert layer(Tensor(np.ones((1, 2), np.float32))).shape == (1, 2)


def test_train_and_eval_reach_every_module() -> None:
    model = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))

    model.eval()
    assert not any(module.training for _, module in model.named_modules())
    model.train()
    assert all(module.training for _, module in model.named_modules())


def test_a_state_dict_goes_from_one_model_to_another() -> None:
    source, target = nn.Linear(3, 2), nn.Linear(3, 2)

    target.load_state_dict({key: array.copy() for key, array in source.state_dict().items()})

    x = Tensor(np.ones((4, 3), np.float32))
    np.testing.assert_array_equal(target(x).data, source(x).data)


def test_a_state_dict_with_other_keys_is_refused() -> None:
    state = {"weight": np.ones((2, 3)), "extra": np.ones(1)}

    with pytest.raises(ConfigError, match=r"missing \['bias'\], unexpected \['extra'\]"):
        nn.Linear(3, 2).load_state_dict(state)


def test_a_state_dict_that_does_not_fit_changes_nothing() -> None:
    layer = nn.Linear(3, 2)
    before = layer.weight.data.copy()

    with pytest.raises(ShapeError, match=r"bias is \(3,\), this model has \(2,\)"):
        layer.load_state_dict({"weight": np.zeros((2, 3)), "bias": np.zeros(3)})

    np.testing.assert_array_equal(layer.weight.data, before)


def test_a_buffer_is_saved_and_moved_and_not_trained() -> None:
    model = nn.Module()
    model.register_buffer("mean", Tensor(np.ones(2, np.float32)))
    model.count = nn.Buffer(np.array(3))
    model.register_buffer("nothing", None)
    outer = nn.Sequential(model)

    outer.double()
    outer.load_state_dict({"0.mean": np.array([5.0, 6.0]), "0.count": np.array(7)})

    assert list(outer.parameters()) == []
    assert {k: a.tolist() for k, a in outer.state_dict().items()} == {
        "0.mean": [5.0, 6.0],
        "0.count": 7,
    }
    assert [b.dtype for b in outer.buffers()] == [np.float64, np.int64]


def test_an_attribute_set_anew_replaces_the_buffer() -> None:
    model = nn.Module()
    model.scale = nn.Buffer(np.ones(2, np.float32))

    model.scale = nn.Parameter(np.zeros(3, np.float32))

    assert list(model.buffers()) == []
    assert model.state_dict()["scale"].shape == (3,)


def test_a_module_list_has_its_modules_in_order() -> None:
    layers = nn.ModuleList([nn.Linear(2, 3)])

    layers.append(nn.Linear(3, 1))

    assert [layer.weight.shape for layer in layers] == [(3, 2), (1, 3)]
    assert layers.state_dict().keys() == {"0.weight", "0.bias", "1.weight", "1.bias"}
    assert layers[1] is list(layers)[-1]


def test_double_makes_every_parameter_float64_and_forgets_gradients() -> None:
    layer = nn.Linear(3, 2)
    layer(Tensor(np.ones((1, 3), np.float32))).sum().backward()

    layer.double()

    assert all(p.dtype == np.float64 and p.grad is None for p in layer.parameters())


def test_a_model_shows_its_layers() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.Dropout(0.1)))

    assert repr(model) == (
        "Sequential(\n"
        "  (0): Linear(in_features=3, out_features=2)\n"
        "  (1): Sequential(\n"
        "    (0): Dropout(p=0.1)\n"
        "  )\n"
        ")"
    )


def test_a_state_of_another_size_is_refused_by_the_gru() -> None:
    gru, zeros = nn.GRU(3, 2), Tensor(np.zeros((1, 4, 3), np.float32))

    with pytest.raises(ShapeError, match=r"GRU: states \(1, 4, 3\); allowed: \(1, 4, 2\)"):
        gru(Tensor(np.zeros((5, 4, 3), np.float32)), zeros)


def test_a_state_of_another_size_is_refused_by_the_lstm() -> None:
    lstm, zeros = nn.LSTM(3, 2), Tensor(np.zeros((2, 4, 2), np.float32))

    with pytest.raises(ShapeError, match=r"states \(2, 4, 2\).*allowed: \(1, 4, 2\)"):
        lstm(Tensor(np.zeros((5, 4, 3), np.float32)), (zeros, zeros))
    with pytest.raises(ShapeError, match=r"allowed: \(time, batch, features\)"):
        lstm(Tensor(np.zeros(3, np.float32)))
