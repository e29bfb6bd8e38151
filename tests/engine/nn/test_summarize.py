"""The table of a model's modules, beside sums by hand."""

from __future__ import annotations

import numpy as np

from azuraforge import nn


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def test_products_count_two_for_each_multiply_add_and_one_for_each_bias() -> None:
    found = nn.summary(nn.Linear(3, 5), zeros(2, 3))

    assert found.flops == 2 * 2 * 3 * 5 + 2 * 5
    assert found.parameters == 20
    assert found.parameter_bytes == 80
    assert found.size_bytes == 2 * 5 * 4


def test_every_parameter_is_counted_in_one_row() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 2)

    found = nn.summary(model, zeros(1, 4, 8))

    assert sum(row.parameters for row in found.rows) == found.parameters
    assert found.parameters == sum(p.data.size for p in model.parameters())


def test_a_convolution_counts_its_kernel_for_each_output() -> None:
    found = nn.summary(nn.Conv2d(3, 4, 3, padding=1, bias=False), zeros(1, 3, 5, 5))

    assert found.rows[0].shapes == [(1, 4, 5, 5)]
    assert 2 * 100 * 27 <= found.flops <= 2 * 100 * 27 + 100  # and a bias of zeros


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout())
    before = model.state_dict()["0.running_mean"].copy()
    model[1].eval()

    nn.summary(model, np.ones((4, 3), np.float32))

    np.testing.assert_array_equal(model.state_dict()["0.running_mean"], before)
    assert [module.training for module in model.modules()] == [True, True, False]
    assert all(module._hooks is None or not module._hooks.before for module in model.modules())


def test_the_table_shows_every_module_below_the_one_that_calls_it() -> None:
    lines = str(nn.summary(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), zeros(4, 3))).splitlines()

    assert lines[0].split() == ["module", "output", "parameters", "FLOPs", "memory"]
    assert lines[2].startswith("Sequential ")
    assert lines[3].startswith("  0: Linear ")
    assert lines[-1].startswith("parameters 8 (32 B), trained 8; forward 64 FLOPs")
