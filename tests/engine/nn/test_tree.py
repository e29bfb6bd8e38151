"""Ways through the tree of modules, and where in it an error came from."""

from __future__ import annotations

import numpy as np
import pytest

from azuraforge import nn
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, NotFoundError, ShapeError


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.head = nn.Linear(4, 1)
        self.register_buffer("steps", Tensor(np.zeros(1)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.encoder(x))
        return y


def zeros(*shape: int) -> Tensor:
    return Tensor(np.zeros(shape, np.float32))


def test_an_error_names_the_path_of_the_module_it_came_from() -> None:
    model = Model()

    with pytest.raises(ShapeError, match=r"^encoder\.layers\.0\.0: .*\(2, 5\)"):
        model(zeros(2, 5))
    with pytest.raises(ShapeError, match=r"^head: .*\(2, 2\)"):
        model(zeros(2, 3))


def test_an_error_of_a_module_called_by_itself_names_its_class() -> None:
    with pytest.raises(ShapeError, match=r"^Linear: .*\(2, 5\)"):
        nn.Linear(3, 2)(zeros(2, 5))


def test_an_error_of_a_users_own_module_has_the_path_too() -> None:
    class Own(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ConfigError("no such thing")

    with pytest.raises(ConfigError, match=r"^1: no such thing$"):
        nn.Sequential(nn.ReLU(), Own())(zeros(1))


def test_modules_parameters_and_buffers_are_found_by_path() -> None:
    model = Model()

    assert model.get_submodule("encoder.layers.0.2") is model.encoder.layers[0][2]
    assert model.get_parameter("head.bias") is model.head.bias
    assert model.get_buffer("steps").shape == (1,)
    assert [name for name, _ in model.named_children()] == ["encoder", "head"]
    with pytest.raises(NotFoundError, match=r"no module 'encoder\.tail': Encoder has \['layers'\]"):
        model.get_submodule("encoder.tail")


def test_a_shared_module_is_listed_once_and_saved_under_both_names() -> None:
    shared = nn.Linear(2, 2)

    model = nn.Sequential(shared, shared)

    assert len(list(model.modules())) == 2
    assert len(list(model.parameters())) == 2
    assert sorted(model.state_dict()) == ["0.bias", "0.weight", "1.bias", "1.weight"]


def test_a_buffer_that_is_not_persistent_is_no_part_of_the_state() -> None:
    model = Model()

    assert "steps" not in model.state_dict()
    assert [name for name, _ in model.named_buffers()] == ["steps"]


def test_a_state_that_fits_in_part_is_loaded_in_part_unless_strict() -> None:
    model, weight = nn.Linear(2, 2), np.ones((2, 2), np.float32)

    unmatched = model.load_state_dict({"weight": weight, "scale": weight}, strict=False)

    assert unmatched == (["bias"], ["scale"])
    np.testing.assert_array_equal(model.weight.data, weight)


def test_apply_reaches_every_module_those_below_first() -> None:
    seen: list[str] = []

    Model().apply(lambda module: seen.append(type(module).__name__))

    assert seen[-1] == "Model"
    assert seen[:3] == ["Linear", "ReLU", "Linear"]


def test_a_list_of_modules_is_changed_as_lists_are() -> None:
    rows = nn.ModuleList([nn.ReLU(), nn.Tanh()])

    rows.insert(1, nn.Sigmoid())
    rows[0] = nn.Linear(1, 1)
    del rows[2]

    assert [type(row).__name__ for row in rows] == ["Linear", "Sigmoid"]
    assert sorted(rows.state_dict()) == ["0.bias", "0.weight"]
    assert isinstance(rows[:1], nn.ModuleList)
    with pytest.raises(NotFoundError, match="ModuleList: 5; there are 2"):
        rows[5]


def test_a_sequence_of_named_modules_keeps_the_names_in_a_slice() -> None:
    model = nn.Sequential({"first": nn.Linear(3, 2), "second": nn.ReLU()})

    assert list(model[1:].named_modules())[1][0] == "second"
    assert model(zeros(4, 3)).shape == (4, 2)


def test_modules_by_key_are_called_by_key() -> None:
    heads = nn.ModuleDict({"mean": nn.Linear(2, 1), "scale": nn.Linear(2, 1)})

    heads["other"] = nn.ReLU()
    heads.pop("mean")

    assert list(heads) == ["scale", "other"]
    assert "scale.weight" in heads.state_dict()
    with pytest.raises(ConfigError, match="'training' is a name of its own"):
        heads["training"] = nn.ReLU()


def test_parameters_in_rows_and_by_key_are_parameters() -> None:
    model = nn.Sequential()
    model.rows = nn.ParameterList([zeros(2), nn.Parameter(np.ones(3))])
    model.table = nn.ParameterDict({"a": zeros(1)})

    assert sorted(name for name, _ in model.named_parameters()) == ["rows.0", "rows.1", "table.a"]
    assert all(parameter.requires_grad for parameter in model.parameters())
