"""Tables of rows, beside PyTorch's where its own cases do not reach."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from azuraforge import nn
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError
from azuraforge.nn import functional as F

NUMBERS = np.array([1, 4, 4, 0, 2, 4, 3, 1, 0])
OFFSETS = np.array([0, 3, 3, 7])  # the second bag is empty


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("settings", [{}, {"padding_idx": 4}, {"max_norm": 1.0}], ids=str)
def test_bags_of_different_sizes_are_pytorchs(mode: str, settings: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is there for comparison (make peers)")
    theirs = torch.nn.EmbeddingBag(5, 3, mode=mode, dtype=torch.float64, **settings)
    ours = nn.EmbeddingBag(5, 3, mode=mode, **settings).double()
    ours.load_state_dict({"weight": theirs.weight.detach().numpy().copy()})

    y = ours(Tensor(NUMBERS), Tensor(OFFSETS))
    (y * y).sum().backward()
    expected = theirs(torch.tensor(NUMBERS), torch.tensor(OFFSETS))
    (expected * expected).sum().backward()

    np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=1e-10)
    assert ours.weight.grad is not None
    np.testing.assert_allclose(ours.weight.grad.data, theirs.weight.grad.numpy(), rtol=1e-10)


def test_the_row_for_padding_begins_with_zeros_and_gets_no_gradient() -> None:
    table = nn.Embedding(4, 2, padding_idx=-1)

    table(Tensor(np.array([0, 3, 3]))).sum().backward()

    assert not table.weight.data[3].any()
    assert table.weight.grad is not None
    np.testing.assert_array_equal(table.weight.grad.data, [[1, 1], [0, 0], [0, 0], [0, 0]])


def test_a_gradient_is_divided_by_how_often_a_row_is_asked_for() -> None:
    table = nn.Embedding(3, 2, scale_grad_by_freq=True)

    table(Tensor(np.array([2, 0, 2, 2]))).sum().backward()

    assert table.weight.grad is not None
    np.testing.assert_allclose(table.weight.grad.data, [[1, 1], [0, 0], [1, 1]], rtol=1e-6)


def test_rows_that_are_given_are_not_trained_unless_asked() -> None:
    rows = Tensor(np.eye(3, dtype=np.float32))

    assert not nn.Embedding.from_pretrained(rows).weight.requires_grad
    assert nn.Embedding.from_pretrained(rows, freeze=False).weight.requires_grad


def test_weights_of_numbers_are_refused_for_means() -> None:
    x = Tensor(np.array([[0, 1]]))

    with pytest.raises(ConfigError, match=r"per_sample_weights .* with mode 'mean'"):
        F.embedding_bag(x, Tensor(np.eye(2)), per_sample_weights=Tensor(np.ones((1, 2))))


def test_offsets_that_fall_are_told() -> None:
    with pytest.raises(ShapeError, match=r"embedding_bag: offsets \[0, 2, 1\]; allowed: rising"):
        F.embedding_bag(Tensor(NUMBERS), Tensor(np.eye(5)), Tensor(np.array([0, 2, 1])))
