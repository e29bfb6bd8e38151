"""The images are those that they claim to be, and every one is in one split."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from azuraforge_images import sources
from azuraforge_images.sources import SOURCES, digits, digits_file, stratified
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.engine import Generator
from azuraforge.errors import DataError

HERE = Path(__file__)
DATA = Path(os.environ.get("AZURAFORGE_DATA", HERE.parents[4] / "shared" / "data"))


def test_digits_are_scikit_learns_digits() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    expected = datasets.load_digits()

    images, labels = digits_file()

    np.testing.assert_array_equal(images, expected.images)
    np.testing.assert_array_equal(labels, expected.target)


def test_every_digit_is_in_one_split() -> None:
    splits = digits(Generator(3))

    together = np.concatenate([part.images for part in splits]).reshape(-1, 64)
    everything = digits_file().images.reshape(-1, 64)
    assert sorted(map(bytes, together)) == sorted(map(bytes, everything))
    assert [round(len(part.labels) / 1797, 2) for part in splits] == [0.7, 0.1, 0.2]


def test_a_split_follows_from_its_generator_alone() -> None:
    first, again, other = (digits(Generator(seed)).test for seed in (3, 3, 4))

    np.testing.assert_array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=200),
    shares=st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)),
    seed=st.integers(0, 2**32),
)
def test_a_stratified_split_takes_its_share_of_every_label_and_every_row_once(
    labels: list[int], shares: tuple[float, float], seed: int
) -> None:
    array = np.array(labels)

    rest, first, second = stratified(array, shares, Generator(seed))

    assert sorted(np.concatenate([rest, first, second])) == list(range(len(labels)))
    for part, share in zip((first, second), shares, strict=True):
        for label in set(labels):
            due = share * labels.count(label)
            assert abs(np.sum(array[part] == label) - due) <= 1


def test_mnist_is_read_in_the_shape_and_with_the_counts_of_its_authors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not (DATA / "mnist").is_dir():
        pytest.skip(f"no MNIST in {DATA}; name a folder in AZURAFORGE_DATA")
    monkeypatch.setenv("AZURAFORGE_DATA", str(DATA))

    splits = SOURCES["mnist"].read(Generator(0))

    assert [part.images.shape for part in splits] == [
        (55_000, 28, 28),
        (5_000, 28, 28),
        (10_000, 28, 28),
    ]
    assert np.bincount(splits.test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    train = np.bincount(np.concatenate([splits.train.labels, splits.validation.labels]))
    assert train.tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    pixels = [splits.train.images, splits.validation.images]
    mean = sum(int(part.sum(dtype=np.int64)) for part in pixels) / (60_000 * 784)
    assert round(mean / 255, 4) == 0.1307  # as every MNIST tutorial normalises


def test_a_file_of_mnist_is_read_behind_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.arange(2 * 784, dtype=np.uint32).astype(np.uint8)
    header = b"".join(n.to_bytes(4, "big") for n in (0x803, 2, 28, 28))
    packed = gzip.compress(header + pixels.tobytes())
    name = "t10k-images-idx3-ubyte.gz"
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / name).write_bytes(packed)
    monkeypatch.setenv("AZURAFORGE_DATA", str(tmp_path))
    monkeypatch.setitem(sources.MNIST_SHA256, name, hashlib.sha256(packed).hexdigest())

    np.testing.assert_array_equal(sources.idx(name), pixels)


def test_a_corrupt_file_of_mnist_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "train-images-idx3-ubyte.gz"
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / name).write_bytes(b"not what it was")
    monkeypatch.setenv("AZURAFORGE_DATA", str(tmp_path))

    with pytest.raises(DataError) as refusal:
        SOURCES["mnist"].read(Generator(0))

    assert sources.MNIST_SHA256[name] in str(refusal.value)
    assert hashlib.sha256(b"not what it was").hexdigest() in str(refusal.value)
