"""A Trainer that is frozen for longer than its lease, and wakes when another has the run."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from msgspec import structs

from azuraforge.chaos.row import Case
from azuraforge.chaos.runs import Runs
from azuraforge.chaos.specs import chaos

REFUSED = "may write no more"


def of_a_trainer(case: Case) -> Iterator[str]:
    """It is frozen, another has its run, it wakes: it can write no more, and the other ends it."""
    spec = chaos(case)
    runs = Runs(case, structs.replace(spec, config=spec.config | {"pause_ms": 4}))
    for _ in range(case.times):
        yield _woken(case, runs)


def _woken(case: Case, runs: Runs) -> str:
    frozen_at = case.rng.randrange(1, runs.undisturbed.events // 2)
    first, run, _ = runs.begun(runs.spec, frozen_at)
    first.send(signal.SIGSTOP)
    if not runs.lost(run):
        return f"run {run}: its Trainer was silent for longer than a lease, and it is not lost"
    second, _, _ = runs.begun(run, runs.record(run).last_seq + 1)
    first.send(signal.SIGCONT)
    first.wait_until(REFUSED)
    is_refused = REFUSED in first.printed()
    list(first.told())
    list(second.told())
    if not is_refused:
        return f"run {run}: the one that woke was not refused: {first.last_words()}"
    return runs.broken(run)
