"""Samples to batches, as PyTorch puts them together."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from typing import Any

import numpy as np
import pytest

from azuraforge.data import default_collate, default_convert
from azuraforge.engine import Tensor
from azuraforge.errors import DTypeError, ShapeError

Pair = namedtuple("Pair", "x y")

BATCHES: list[list[Any]] = [
    [1, 2, 3],
    [1.5, 2.0],
    [True, False],
    ["a", "bc"],
    [b"a", b"b"],
    [np.float32(1.5), np.float32(2)],
    [np.arange(3), np.arange(3)],
    [np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)],
    [(1, 2.5), (3, 4.5)],
    [[1, "a"], [2, "b"]],
    [Pair(1, np.ones(2)), Pair(2, np.zeros(2))],
    [{"a": 1, "b": (1, 2)}, {"a": 2, "b": (3, 4)}],
    [OrderedDict(a=1), OrderedDict(a=2)],
]


def plain(x: Any) -> Any:
    if hasattr(x, "numpy"):
        array = x.numpy()
        return (str(array.dtype), array.tolist())
    if isinstance(x, dict):
        return (type(x).__name__, {key: plain(value) for key, value in x.items()})
    if isinstance(x, list | tuple):
        return (type(x).__name__, [plain(part) for part in x])
    return x


@pytest.mark.parametrize("batch", BATCHES, ids=str)
def test_a_batch_is_put_together_as_by_pytorch(batch: list[Any]) -> None:
    torch_data = pytest.importorskip("torch.utils.data")

    assert plain(default_collate(batch)) == plain(torch_data.default_collate(batch))
    assert plain(default_convert(batch[0])) == plain(torch_data.default_convert(batch[0]))


def test_tensors_are_stacked() -> None:
    batch = default_collate([Tensor(np.ones(2)), Tensor(np.zeros(2))])

    assert batch.numpy().tolist() == [[1, 1], [0, 0]]


def test_a_mapping_that_cannot_be_made_of_its_items_becomes_a_dict() -> None:
    assert type(default_collate([defaultdict(int, a=1)])) is dict


def test_samples_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"samples of shapes \[\(2,\), \(3,\)\]"):
        default_collate([np.ones(2), np.ones(3)])
    with pytest.raises(ShapeError, match=r"samples of \[1, 2\] parts"):
        default_collate([(1,), (1, 2)])
    with pytest.raises(DTypeError, match="set"):
        default_collate([{1}, {2}])
