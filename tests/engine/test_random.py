from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.engine import random
from azuraforge.engine.random import Generator, default_generator, manual_seed, philox, using

keys = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000",
         "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
         "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
         "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
    ids=["zeros", "ones", "digits of pi"],
)  # fmt: skip
def test_philox_gives_the_known_answers_of_random123(counter: str, key: str, expected: str) -> None:
    words = [np.array([int(word, 16)], np.uint64) for word in counter.split()]
    k0, k1 = (int(word, 16) for word in key.split())

    found = philox(np, (words[0], words[1], words[2], words[3]), (k0, k1))

    assert [f"{word:08x}" for word in found[0]] == expected.split()


def test_a_generator_numbers_its_blocks_from_zero() -> None:
    assert [f"{word:08x}" for word in Generator(0).words(4)] == [
        "6627e8d5",
        "e169c58d",
        "bc57ac4c",
        "9b00dbd8",
    ]


@given(key=keys, blocks=st.lists(st.integers(0, 5), min_size=1, max_size=5))
def test_a_draw_cut_into_whole_blocks_is_the_same_draw(key: int, blocks: list[int]) -> None:
    whole, pieces = Generator(key), Generator(key)

    cut = [pieces.words(4 * count) for count in blocks]

    np.testing.assert_array_equal(np.concatenate(cut), whole.words(4 * sum(blocks)))


@given(key=keys, counter=st.integers(0, 2**63), drawn=st.integers(0, 9))
def test_a_state_goes_on_where_it_was_taken(key: int, counter: int, drawn: int) -> None:
    generator = Generator(key, counter)
    generator.words(drawn)

    copy = Generator(*generator.state)

    np.testing.assert_array_equal(copy.words(7), generator.words(7))


@pytest.mark.parametrize("state", [(-1, 0), (2**64, 0), (0, -1), (0, 2**64)])
def test_a_state_out_of_range_is_refused(state: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"allowed: 0 to 2\*\*64 - 1"):
        Generator(*state)


def test_a_child_depends_on_key_and_name_alone() -> None:
    parent = Generator(3)
    before = parent.child("order").words(8)

    parent.words(100)

    np.testing.assert_array_equal(parent.child("order").words(8), before)
    assert (parent.child("noise").words(8) != before).any()
    assert (Generator(4).child("order").words(8) != before).any()


def test_children_are_not_correlated() -> None:
    count = 20_000
    children = [Generator(3).child(f"epoch {i}").uniform((count,)) for i in range(8)]

    correlations = np.corrcoef([*children, Generator(3).uniform((count,))])

    off_diagonal = correlations[~np.eye(len(correlations), dtype=bool)]
    assert np.abs(off_diagonal).max() < 5 / math.sqrt(count)


def distance(x: Any, cdf: Any) -> float:
    """Kolmogorov and Smirnov's statistic times √n: above 1.95 once in a thousand draws."""
    x = np.sort(x)
    expected, n = np.array([cdf(value) for value in x]), len(x)
    above, below = np.arange(1, n + 1) / n - expected, expected - np.arange(n) / n
    return float(max(above.max(), below.max()) * math.sqrt(n))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_numbers_are_even_and_below_one(dtype: Any) -> None:
    x = Generator(1).uniform((20_000,), dtype=dtype)

    assert x.dtype == dtype
    assert x.min() >= 0
    assert x.max() < 1
    assert distance(x, lambda value: value) < 1.95


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_numbers_keep_below_the_upper_bound(
    dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = np.full(4, 0xFFFFFFFF, np.uint32)
    monkeypatch.setattr(random, "philox", lambda xp, counter, key: largest)

    x = Generator(0).uniform((2,), 1.0, 2.0, dtype)

    assert (x < 2).all()
    assert Generator(0).integers(1, 2, (2,)).tolist() == [1, 1]


def test_normal_numbers_follow_the_bell() -> None:
    x = Generator(1).normal((20_001,), mean=2.0, std=3.0, dtype=np.float64)

    assert x.shape == (20_001,)
    assert distance(x, lambda v: 0.5 * (1 + math.erf((v - 2) / (3 * math.sqrt(2))))) < 1.95


def test_bernoulli_numbers_have_their_share_of_ones() -> None:
    x = Generator(1).bernoulli((200, 100), 0.3)

    assert np.unique(x).tolist() == [0, 1]
    assert x.mean() == pytest.approx(0.3, abs=5 * math.sqrt(0.21 / x.size))


@given(low=st.integers(-1000, 1000), span=st.integers(1, 1000), key=keys)
def test_integers_stay_within_their_range(low: int, span: int, key: int) -> None:
    x = Generator(key).integers(low, low + span, (50,))

    assert low <= x.min()
    assert x.max() < low + span


def test_integers_are_even() -> None:
    counts = np.bincount(Generator(2).integers(0, 10, (20_000,)))

    chi_squared = ((counts - 2000) ** 2 / 2000).sum()
    assert chi_squared < 27.9  # 9 degrees of freedom, 0.1 %


@given(key=keys, count=st.integers(0, 300))
def test_a_permutation_holds_each_number_once(key: int, count: int) -> None:
    assert sorted(Generator(key).permutation(count)) == list(range(count))


def test_permutations_differ_from_draw_to_draw() -> None:
    generator = Generator(1)

    assert (generator.permutation(50) != generator.permutation(50)).any()


def test_the_default_generator_is_the_innermost_of_using() -> None:
    seeded = manual_seed(4)

    with using(Generator(5)) as outer:
        with using(Generator(6)) as inner:
            assert default_generator() is inner
        assert default_generator() is outer
    assert default_generator() is seeded


@given(st.integers(0, 300), keys)
def test_a_permutation_is_the_order_of_the_stream_s_pairs_of_words(count: int, key: int) -> None:
    words = Generator(key).words(2 * count).tolist()

    found = Generator(key).permutation(count)

    pairs = list(zip(words[::2], words[1::2], strict=True))
    assert found.tolist() == sorted(range(count), key=lambda place: pairs[place])
