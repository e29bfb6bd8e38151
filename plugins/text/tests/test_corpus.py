"""The text is cut by position, and nothing of a later part is known in an earlier one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from azuraforge_text.config import DataConfig
from azuraforge_text.corpus import UNKNOWN, Vocabulary, split, windows
from azuraforge_text.sources import coriolanus, read
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.errors import DataError

HERE = Path(__file__)
DATA = Path(os.environ.get("AZURAFORGE_DATA", HERE.parents[4] / "shared" / "data"))
CHARACTERS = st.characters(exclude_categories=["Cs"])  # surrogates are no text
TEXTS = st.text(CHARACTERS, min_size=1)


@given(
    text=st.text(CHARACTERS, min_size=20),
    shares=st.tuples(st.floats(0.01, 0.4), st.floats(0.01, 0.4)),
)
def test_the_parts_are_the_text_in_its_order(text: str, shares: tuple[float, float]) -> None:
    parts = split(text, DataConfig(validation=shares[0], test=shares[1]))

    assert "".join(parts) == text
    assert len(parts.validation) == round(shares[0] * len(text))
    assert len(parts.test) == round(shares[1] * len(text))


@given(known=TEXTS, given_text=TEXTS)
def test_a_character_has_a_code_of_its_own_if_it_is_known_and_one_for_all_if_not(
    known: str, given_text: str
) -> None:
    vocabulary = Vocabulary.of(known)

    codes = vocabulary.encode(given_text).tolist()

    assert vocabulary.decode(vocabulary.encode(known).tolist()) == known
    assert max(codes) < len(vocabulary) == len(set(known)) + 1
    for character, code in zip(given_text, codes, strict=True):
        assert (code == UNKNOWN) == (character not in known)
        assert code == UNKNOWN or vocabulary.decode([code]) == character


@given(length=st.integers(3, 200), context=st.integers(2, 20))
def test_windows_hold_every_character_once_but_for_those_at_the_end(
    length: int, context: int
) -> None:
    codes = np.arange(length)
    if length <= context:
        with pytest.raises(DataError, match=f"the test part has {length} characters"):
            windows(codes, context, "test")
        return

    x, following = windows(codes, context, "test")

    assert x.ravel().tolist() == list(range(x.size))
    np.testing.assert_array_equal(following, x + 1)
    assert length - 1 - x.size < context
    assert np.shares_memory(x, codes)
    assert np.shares_memory(following, codes)


def test_a_text_too_short_to_cut_is_refused_with_its_length() -> None:
    with pytest.raises(DataError, match=r"^coriolanus: 0 characters, .* leave none to train on$"):
        split("", DataConfig(name="coriolanus"))


def test_tiny_shakespeare_is_cut_where_its_numbers_say(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (DATA / "text").is_dir():
        pytest.skip(f"no text/tinyshakespeare_input.txt in {DATA}; name a folder AZURAFORGE_DATA")
    monkeypatch.setenv("AZURAFORGE_DATA", str(DATA))

    text = read(DataConfig())

    assert len(text) == 1_115_394
    assert len(set(text)) == 65
    assert text.startswith(coriolanus()[:-1])
    assert list(map(len, split(text, DataConfig()))) == [892_316, 111_539, 111_539]


def test_the_text_in_the_package_is_the_one_its_notice_names() -> None:
    text = coriolanus()

    assert len(text) == 49_980
    assert text.startswith("First Citizen:\nBefore we proceed any further, hear me speak.\n")
    assert hashlib.sha256(text.encode()).hexdigest().startswith("cd39d121cb769207")


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbfone\ntwo\n", b"one\r\ntwo\r\n", b"one\rtwo\r"],
    ids=["BOM", "CRLF", "CR"],
)
def test_what_editors_do_to_a_file_does_no_harm(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(content)

    assert read(DataConfig(path=str(path))) == "one\ntwo\n"


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))

    with pytest.raises(DataError, match=r"latin\.txt: not a text in UTF-8 \(byte 3 is 0xe9\)"):
        read(DataConfig(path=str(tmp_path / "latin.txt")))
    with pytest.raises(DataError, match=r"absent\.txt: cannot be read \(No such file"):
        read(DataConfig(path=str(tmp_path / "absent.txt")))
