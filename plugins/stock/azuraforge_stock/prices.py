"""A CSV of prices read and checked: what comes out is positive, finite and in the order of time."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azuraforge.errors import DataError


@dataclass(frozen=True)
class Prices:
    """Columns over time. Shape: values (rows, columns) float64"""

    columns: tuple[str, ...]
    values: NDArray[np.float64]

    def column(self, name: str) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self.values[:, self.columns.index(name)]
        return values


def read(path: str | Path, columns: Sequence[str], *, date: str) -> Prices:
    """The columns of the file, oldest row first.

    Raises: DataError for a file that cannot be read, an absent column, a cell that is no number
            above zero, or dates that do not ascend, naming the line.
    """
    path = Path(path).expanduser()
    values: list[list[float]] = []
    last: datetime | None = None
    for line, row in _rows(path, [date, *columns]):
        at = _date(row[0], path, line, date)
        if last is not None and at <= last:
            raise DataError(
                f"{path}, line {line}: {date} {row[0]} comes after {last:%Y-%m-%d}; dates must "
                f"ascend, one row each: sort the file by {date}, oldest first"
            )
        last = at
        pairs = zip(columns, row[1:], strict=True)
        values.append([_price(cell, path, line, column) for column, cell in pairs])
    if not values:
        raise DataError(f"{path}: no rows below the header; a price history has one row a day")
    return Prices(tuple(columns), np.array(values, dtype=np.float64))


def price(cell: Any) -> float | None:
    """The cell as a number that a price can be, above zero and finite; None if it is none."""
    if isinstance(cell, bool):
        return None
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number > 0 and math.isfinite(number) else None


def _rows(path: Path, wanted: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Line numbers, and the cells of the wanted columns."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            places = _places(path, header, wanted)
            for row in reader:
                if not row:
                    continue  # a blank line, as editors leave at the end
                if len(row) != len(header):
                    raise DataError(
                        f"{path}, line {reader.line_num}: {len(row)} cells; the header has "
                        f"{len(header)}"
                    )
                yield reader.line_num, [row[place] for place in places]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); see data.path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV file in UTF-8 ({error}); see data.path") from error


def _places(path: Path, header: list[str], wanted: Sequence[str]) -> list[int]:
    if not header:
        raise DataError(f"{path}: the file is empty; its first line must name the columns")
    for name in wanted:
        if header.count(name) != 1:
            problem = f"{header.count(name)} columns" if name in header else "no column"
            raise DataError(
                f"{path}: {problem} named {name!r}; the columns are {', '.join(header)}: see "
                f"data.date, data.target and data.features"
            )
    return [header.index(name) for name in wanted]


def _date(cell: str, path: Path, line: int, column: str) -> datetime:
    try:
        at = datetime.fromisoformat(cell.strip())
    except ValueError as error:
        raise DataError(
            f"{path}, line {line}: {column} {cell!r} is no date; allowed: 2017-09-01, also with a "
            f"time behind"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)  # so that any two can be compared


def _price(cell: str, path: Path, line: int, column: str) -> float:
    number = price(cell)
    if number is None:
        raise DataError(
            f"{path}, line {line}: {column} is {cell!r}; allowed: a number > 0, for changes are "
            f"taken as ratios: mend the row, or leave the column out of data.features"
        )
    return number
