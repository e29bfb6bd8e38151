"""kill -9 at any moment of a run: the next Trainer ends it as if nothing had happened."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

from azuraforge.chaos.row import Case, Inject
from azuraforge.chaos.runs import Runs
from azuraforge.chaos.specs import SpecOf
from azuraforge.chaos.work import Job

AGAIN = 0.25  # how likely the one that goes on is killed as well
MOST_WAIT_S = 0.03  # after the event: longer than from one append to the next


def of_a_process(spec_of: SpecOf) -> Inject:
    """Runs of this spec whose processes are killed at random moments."""

    def inject(case: Case) -> Iterator[str]:
        runs = Runs(case, spec_of(case))
        for _ in range(case.times):
            run, wrong = _killed(case, runs, runs.spec)
            while runs.record(run).state != "finished" and case.rng.random() < AGAIN:
                runs.lost(run)
                wrong = wrong or _killed(case, runs, run)[1]
            runs.resumed(run)
            yield wrong or runs.broken(run)

    return inject


def _killed(case: Case, runs: Runs, job: Job) -> tuple[str, str]:
    """The run of a process killed soon after a random event; what is wrong with its journal."""
    after, wait_s = case.rng.randrange(runs.undisturbed.events), case.rng.uniform(0, MOST_WAIT_S)
    child, run, told = runs.begun(job, after)
    time.sleep(wait_s)
    child.send(signal.SIGKILL)
    told += child.told()
    case.figures["kills"] = case.figures.get("kills", 0) + (told[-1] != "finished")
    acknowledged = max(seq for seq in told if isinstance(seq, int))
    kept = runs.record(run).last_seq
    lost = f"run {run}: event {acknowledged} was durable, and {kept} is the last"
    return run, lost if kept < acknowledged else ""
