"""Runs rows of the matrix and says how each went."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from azuraforge.chaos.row import Case, Row


class Result(Struct, frozen=True, kw_only=True):
    """How a row went: `reason` is why it is not possible here, `failure` the first in words."""

    name: str
    component: str
    injected: str
    expected: str
    state: Literal["passed", "failed", "not possible here"]
    times: int = 0
    passed: int = 0
    seconds: float = 0.0
    failure: str = ""
    reason: str = ""
    figures: dict[str, float] = {}


def run_row(row: Row, *, times: int | None = None, seed: int = 0) -> Result:
    """Inject the row's fault and look at what comes of it; all that was made for it is undone."""
    facts: dict[str, Any] = {
        "name": row.name,
        "component": row.component,
        "injected": row.injected,
        "expected": row.expected,
    }
    reason = next((reason for need in row.needs if (reason := need())), "")
    if reason:
        return Result(state="not possible here", reason=reason, **facts)
    began = time.perf_counter()
    outcomes, figures = _outcomes(row, times or row.times, seed)
    failure = next((outcome for outcome in outcomes if outcome), "")
    if not outcomes:
        failure = "nothing was injected"
    return Result(
        state="failed" if failure else "passed",
        times=len(outcomes),
        passed=outcomes.count(""),
        seconds=time.perf_counter() - began,
        failure=failure,
        figures=figures,
        **facts,
    )


def _outcomes(row: Row, times: int, seed: int) -> tuple[list[str], dict[str, float]]:
    """What each injection came to; a row that breaks off has failed of what broke it."""
    outcomes: list[str] = []
    with ExitStack() as undo:
        folder = undo.enter_context(tempfile.TemporaryDirectory(prefix=f"azuraforge-{row.name}-"))
        rng = random.Random(f"{seed}:{row.name}")
        case = Case(times=times, rng=rng, folder=Path(folder), undo=undo)
        try:
            outcomes.extend(_iterated(row, case))
        except Exception as error:  # noqa: BLE001  (whatever it is, it is told as the row's failure)
            outcomes.append(f"broke off: {type(error).__name__}: {error}")
    return outcomes, case.figures


def _iterated(row: Row, case: Case) -> Iterator[str]:
    yield from row.inject(case)
