"""A text as numbers: its vocabulary, its three parts, and windows cut out of each.

Nothing of the validation and test parts is known in the training part: the text is cut by position
first, the vocabulary is that of the training part, and no window reaches over a cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from azuraforge.errors import DataError
from azuraforge_text.config import DataConfig

UNKNOWN = 0  # the code of every character that the training part does not hold
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """The characters of a training part in ascending order; character i has the code i + 1."""

    characters: str

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        """How many codes there are, UNKNOWN among them."""
        return len(self.characters) + 1

    def encode(self, text: str) -> Codes:
        """A code for each character. Shape: -> (len(text),)"""
        known, given = _points(self.characters), _points(text)
        places = np.minimum(np.searchsorted(known, given), len(known) - 1)
        codes: Codes = np.where(known[places] == given, places + 1, UNKNOWN)
        return codes

    def decode(self, codes: list[int]) -> str:
        """The characters of these codes, none of which is UNKNOWN."""
        return "".join(self.characters[code - 1] for code in codes)


class Windows(NamedTuple):
    """Pieces of a text, and the same pieces one character on. Shape: (n, context) each

    Both are views of one array: a text takes 8 bytes a character, however it is cut.
    """

    x: Codes
    following: Codes


class Parts(NamedTuple):
    """A text cut by position."""

    train: str
    validation: str
    test: str


def split(text: str, config: DataConfig) -> Parts:
    """The text's beginning, then `config.validation` of it, then its last `config.test`.

    Raises: DataError if that leaves nothing to train on.
    """
    test = len(text) - round(config.test * len(text))
    train = test - round(config.validation * len(text))
    if train <= 0:
        raise DataError(
            f"{config.path or config.name}: {len(text)} characters, of which data.validation "
            f"{config.validation} and data.test {config.test} leave none to train on"
        )
    return Parts(text[:train], text[train:test], text[test:])


def windows(codes: Codes, context: int, name: str) -> Windows:
    """Windows side by side from the beginning; less than one at the end is left out.

    Raises: DataError if there is not even one.
    """
    count = (len(codes) - 1) // context
    if count < 1:
        raise DataError(
            f"the {name} part has {len(codes)} characters, one window takes {context + 1}: use a "
            f"longer text, or a smaller model.context"
        )
    x, following = (codes[i : i + count * context].reshape(count, context) for i in (0, 1))
    return Windows(x, following)


def _points(text: str) -> NDArray[np.uint32]:
    """The number of each character in Unicode. Shape: -> (len(text),)"""
    return np.frombuffer(text.encode("utf-32-le"), "<u4")
