"""A CSV of prices is read as it is, or refused with the place and what to do."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from azuraforge_stock.prices import read
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.errors import DataError

GOOD = "Date,Close,Volume\n2017-01-02,10.5,100\n2017-01-03,11,200\n"


def test_the_wanted_columns_are_read_in_the_order_they_are_asked_for(tmp_path: Path) -> None:
    prices = read(written(tmp_path, GOOD), ["Volume", "Close"], date="Date")

    np.testing.assert_array_equal(prices.values, [[100, 10.5], [200, 11]])
    np.testing.assert_array_equal(prices.column("Close"), [10.5, 11])


@given(values=st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=40))
def test_numbers_are_read_to_the_last_bit(
    values: list[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "bits.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Date", "Close"])
        writer.writerows([f"{2000 + i}-01-01", repr(v)] for i, v in enumerate(values))

    prices = read(path, ["Close"], date="Date")

    assert prices.column("Close").tolist() == values


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD + "\n\n",
        GOOD.replace("Date,Close", "Date, Close"),
        GOOD.replace("-02,", "-02T16:00:00,").replace("-03,", "-03T16:00:00+00:00,"),
        GOOD.replace("10.5", '"10.5"'),
    ],
    ids=["BOM", "CRLF", "blank lines", "a space in the header", "times", "quotes"],
)
def test_what_spreadsheets_do_to_a_file_does_no_harm(text: str, tmp_path: Path) -> None:
    prices = read(written(tmp_path, text), ["Close"], date="Date")

    assert prices.column("Close").tolist() == [10.5, 11]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty; its first line must name the columns"),
        ("Date,Close,Volume\n", "no rows below the header"),
        ("Day,Close\n1,2\n", "no column named 'Date'; the columns are Day, Close"),
        ("Date;Close\n", "no column named 'Date'; the columns are Date;Close"),
        ("Date,Close,Close\n", "2 columns named 'Close'"),
        (GOOD + "2017-01-04,12\n", "line 4: 2 cells; the header has 3"),
        (GOOD + "2017-01-04,12,1,000\n", "line 4: 4 cells; the header has 3"),
        (GOOD + "2017-01-04,n/a,1\n", "line 4: Close is 'n/a'; allowed: a number > 0"),
        (GOOD + "2017-01-04,,1\n", "line 4: Close is ''; allowed"),
        (GOOD + "2017-01-04,nan,1\n", "line 4: Close is 'nan'; allowed"),
        (GOOD + "2017-01-04,inf,1\n", "line 4: Close is 'inf'; allowed"),
        (GOOD + "2017-01-04,0,1\n", "line 4: Close is '0'; allowed"),
        (GOOD + "2017-01-04,-3,1\n", "line 4: Close is '-3'; allowed"),
        (GOOD + "04/01/2017,12,1\n", "line 4: Date '04/01/2017' is no date; allowed: 2017-09-01"),
        (GOOD + "2017-01-03,12,1\n", "line 4: Date 2017-01-03 comes after 2017-01-03"),
        (GOOD + "2017-01-01,12,1\n", "line 4: Date 2017-01-01 comes after 2017-01-03"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_line_and_what_is_allowed(
    text: str, said: str, tmp_path: Path
) -> None:
    path = written(tmp_path, text)

    with pytest.raises(DataError) as refusal:
        read(path, ["Close"], date="Date")

    assert str(refusal.value).startswith(str(path))
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff\xfe\x00", "not a CSV file in UTF-8"), (b"Date,Close\n\x00,1\n", "prices.csv")],
)
def test_a_file_that_is_no_text_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(content)

    with pytest.raises(DataError, match=said):
        read(path, ["Close"], date="Date")


def test_a_file_that_is_not_there_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv: cannot be read \(No such file"):
        read(tmp_path / "absent.csv", ["Close"], date="Date")
    with pytest.raises(DataError, match="Is a directory"):
        read(tmp_path, ["Close"], date="Date")


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.csv"
    path.write_bytes(text.encode())
    return path
