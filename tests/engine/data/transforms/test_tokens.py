"""Augmentation of tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.data.transforms import MaskTokens, TokenDropout, TokenSwap
from azuraforge.engine import Tensor
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError, DTypeError

MASK, UNKNOWN, START = 103, 100, 101


def tokens(rows: int = 200, time: int = 100) -> Any:
    x = np.random.default_rng(0).integers(0, 90, (rows, time))
    x[:, 0] = START
    return x


def test_tokens_are_masked_as_bert_does_it() -> None:
    x = tokens()

    inputs, targets = MaskTokens(MASK, 90, special=[START])(x, Generator(1))

    picked = targets != -100
    assert abs(picked.mean() - 0.15 * 0.99) < 0.01
    np.testing.assert_array_equal(targets[picked], x[picked])
    np.testing.assert_array_equal(inputs[~picked], x[~picked])
    assert not picked[:, 0].any()
    masked, same = inputs[picked] == MASK, inputs[picked] == x[picked]
    assert abs(masked.mean() - 0.8) < 0.03
    assert abs(same.mean() - (0.1 + 0.1 / 90)) < 0.03
    assert inputs.max() == MASK


@given(p=st.floats(0, 1), seed=st.integers(0, 99))
def test_swapped_tokens_are_the_same_tokens_elsewhere(p: float, seed: int) -> None:
    x = tokens(5, 20)

    y = TokenSwap(p, [START])(x, Generator(seed))

    np.testing.assert_array_equal(np.sort(y), np.sort(x))
    assert (y[:, 0] == START).all()


def test_a_share_of_the_tokens_is_dropped_or_moved() -> None:
    x = np.arange(100_000).reshape(100, 1000)

    dropped = TokenDropout(UNKNOWN + 200_000, 0.2)(x, Generator(0)) != x
    moved = TokenSwap(0.3)(x, Generator(0)) != x

    assert abs(dropped.mean() - 0.2) < 0.01
    assert abs(moved.mean() - 0.3) < 0.02


def test_special_tokens_are_not_dropped() -> None:
    y = TokenDropout(UNKNOWN, 1.0, [START])(tokens(), Generator(0))

    assert (y[:, 0] == START).all()
    assert (y[:, 1:] == UNKNOWN).all()


def test_tensors_stay_tensors_and_element_types_are_kept() -> None:
    x = tokens().astype(np.int32)

    inputs, targets = MaskTokens(MASK, 90)(Tensor(x), Generator(0))

    assert isinstance(inputs, Tensor)
    assert isinstance(targets, Tensor)
    assert (inputs.dtype, targets.dtype) == (np.int32, np.int64)
    assert TokenSwap()(Tensor(x), Generator(0)).dtype == np.int32


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="TokenSwap: p 2"):
        TokenSwap(2)
    with pytest.raises(ConfigError, match="vocabulary 0"):
        MaskTokens(1, 0)
    with pytest.raises(DTypeError, match="float64; allowed: whole numbers"):
        TokenSwap()(np.zeros(4))
