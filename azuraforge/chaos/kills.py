"""kill -9 at any moment of a run: the next Trainer ends it as if nothing had happened."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

from azuraforge.chaos.row import Case, Inject
from azuraforge.chaos.runs import Runs
from azuraforge.chaos.specs import SpecOf

AGAIN = 0.25  # how likely the one that goes on is killed as well
MOST_WAIT_S = 0.03  # after the event: longer than from one append to the next


def of_a_trainer(spec_of: SpecOf) -> Inject:
    """Runs of this spec whose processes are killed at random moments."""

    def inject(case: Case) -> Iterator[str]:
        runs = Runs(case, spec_of(case))
        for _ in range(case.times):
            run = runs.new()
            wrong = _killed(case, runs, run)
            while runs.record(run).state != "finished" and case.rng.random() < AGAIN:
                wrong = wrong or _killed(case, runs, run)
            if runs.record(run).state != "finished":
                runs.trained(run)
            yield wrong or runs.broken(run)

    return inject


def _killed(case: Case, runs: Runs, run: str) -> str:
    """Kill a Trainer of the run soon after a random event; what is wrong with its journal then."""
    after, wait_s = case.rng.randrange(runs.undisturbed.events), case.rng.uniform(0, MOST_WAIT_S)
    child = runs.child(run)
    child.begin()
    told: list[Any] = [child.hear()]
    while told[-1] != "finished" and told[-1] < after:
        told.append(child.hear())
    time.sleep(wait_s)
    child.send(signal.SIGKILL)
    told += child.told()
    case.figures["kills"] = case.figures.get("kills", 0) + (told[-1] != "finished")
    acknowledged, kept = (
        max([0, *(seq for seq in told if seq != "finished")]),
        runs.record(run).last_seq,
    )
    return (
        f"event {acknowledged} was durable, and {kept} is the last" if kept < acknowledged else ""
    )
