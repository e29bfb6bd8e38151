"""Rows of the fault matrix as tests: a few injections each, many where `slow` is asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from azuraforge.chaos.matrix import ROWS
from azuraforge.chaos.running import run_row

Hold = Callable[[str, int], None]


@pytest.fixture
def hold() -> Hold:
    """`hold(row, times)`: the row's promise holds as often; skipped where it is not possible."""

    def hold(name: str, times: int) -> None:
        (row,) = (row for row in ROWS if row.name == name)
        result = run_row(row, times=times)
        if result.state == "not possible here":
            pytest.skip(f"{name}: {result.reason}")
        assert result.failure == ""
        assert result.passed == result.times == times

    return hold
