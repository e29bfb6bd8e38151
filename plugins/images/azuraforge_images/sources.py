"""The two datasets as raw pixels, read and split into training, validation and test images."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from azuraforge.download import fetch
from azuraforge.engine.random import Generator

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1  # of digits; MNIST has test images of its own
MNIST_VALIDATION = 5_000

MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
MNIST_SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}

Indices = NDArray[np.int64]


class Labelled(NamedTuple):
    """Images and what they show. Shape: (n, side, side) uint8, (n,) int64"""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def rows(self, indices: Indices) -> Labelled:
        return Labelled(self.images[indices], self.labels[indices])


class Splits(NamedTuple):
    """Every image of a dataset once."""

    train: Labelled
    validation: Labelled
    test: Labelled


@dataclass(frozen=True)
class Source:
    """A dataset: its images are `side` x `side` pixels from 0 to `brightest`.

    `kernel` and `padding` are what its convolutions do best with: strokes of MNIST are wider, and
    its border is empty.
    """

    side: int
    brightest: int
    kernel: int
    padding: int
    read: Callable[[Generator], Splits]


def digits(generator: Generator) -> Splits:
    """scikit-learn's digits: 20 % test and 10 % validation images, drawn label by label."""
    images, labels = digits_file()
    train, validation, test = stratified(labels, (VALIDATION_SHARE, TEST_SHARE), generator)
    everything = Labelled(images, labels)
    return Splits(everything.rows(train), everything.rows(validation), everything.rows(test))


def digits_file() -> Labelled:
    """The 1,797 images in the order of the file that comes with the package."""
    packed = resources.files("azuraforge_images").joinpath("digits.csv.gz").read_bytes()
    table = np.loadtxt(gzip.decompress(packed).decode().splitlines(), np.uint8, delimiter=",")
    return Labelled(table[:, :64].reshape(-1, 8, 8), table[:, 64].astype(np.int64))


def mnist(generator: Generator) -> Splits:
    """MNIST: its own 10,000 test images, and 5,000 drawn from the 60,000 others to validate."""
    rest = Labelled(
        idx("train-images-idx3-ubyte.gz").reshape(-1, 28, 28),
        idx("train-labels-idx1-ubyte.gz").astype(np.int64),
    )
    test = Labelled(
        idx("t10k-images-idx3-ubyte.gz").reshape(-1, 28, 28),
        idx("t10k-labels-idx1-ubyte.gz").astype(np.int64),
    )
    order = generator.permutation(len(rest.labels))
    validation, train = np.sort(order[:MNIST_VALIDATION]), np.sort(order[MNIST_VALIDATION:])
    return Splits(rest.rows(train), rest.rows(validation), test)


def idx(name: str) -> NDArray[np.uint8]:
    """The numbers of one of MNIST's files; its header is known, for its hash is checked.

    Raises: DataError.
    """
    packed = fetch(name, sha256=MNIST_SHA256[name], mirrors=MNIST_MIRRORS, folder="mnist")
    header_bytes = 16 if "idx3" in name else 8
    return np.frombuffer(gzip.decompress(packed.read_bytes()), np.uint8, offset=header_bytes)


def stratified(
    labels: NDArray[np.int64], shares: tuple[float, float], generator: Generator
) -> tuple[Indices, Indices, Indices]:
    """Ascending indices of the rest and of two random shares, each with its share of every label.

    Shape: labels (n,) -> three arrays, n indices in all
    """
    parts: tuple[list[Indices], list[Indices], list[Indices]] = ([], [], [])
    for label in np.unique(labels):
        (members,) = np.nonzero(labels == label)
        members = members[generator.permutation(len(members))]
        ends = np.rint(np.cumsum(shares) * len(members)).astype(int)
        first, second, rest = np.split(members, ends)
        for part, indices in zip(parts, (rest, first, second), strict=True):
            part.append(indices)
    rest, first, second = (np.sort(np.concatenate(part)) for part in parts)
    return rest, first, second


SOURCES = {
    "digits": Source(side=8, brightest=16, kernel=3, padding=1, read=digits),
    "mnist": Source(side=28, brightest=255, kernel=5, padding=0, read=mnist),
}
