"""Runs that a row trains in processes of its own, and whether they ended as if left alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from azuraforge.actors.recording.registry import Registry
from azuraforge.actors.runtimes.runtime import RuntimeName
from azuraforge.chaos.child import Child
from azuraforge.chaos.plugin import installed
from azuraforge.chaos.row import Case
from azuraforge.chaos.work import Job, train
from azuraforge.schema.events import RunFinished
from azuraforge.schema.records import RunRecord
from azuraforge.schema.specs import RunSpec

MOST_ATTEMPTS = 100
LATER_S = 60.0  # than now, when it is looked who is silent: no lease is as long


class Ending(NamedTuple):
    """What two runs of one spec must have in common to the last bit."""

    chain: str  # SHA-256 over the whole journal, every step's digest in it
    weights: str  # SHA-256 of the best model
    digest: str  # SHA-256 of everything at the end: parameters, optimizer, generators, cursor
    events: int


class Runs:
    """Runs of one spec in one home; the first is left alone: `undisturbed` is how it ended."""

    def __init__(self, case: Case, spec: RunSpec, *, home: Path | None = None) -> None:
        self.spec = structs.replace(spec, attempts=MOST_ATTEMPTS)
        self.home = home or case.folder / "home"
        self.home.mkdir(exist_ok=True)
        self._case = case
        self._site = str(installed(case.folder))
        first = self.child(self.spec)
        first.begin()
        self.undisturbed = self.ending(_told(list(first.told()), first)[0])

    def child(self, *jobs: Job, runtime: RuntimeName = "local") -> Child:
        """A process that will do these, told of as `train` says."""
        return Child(self._case, train, self._site, runtime, self.home, jobs)

    def begun(self, job: Job, after: int) -> tuple[Child, str, list[Any]]:
        """A process whose run has so many events, the run, and what else it told."""
        child = self.child(job)
        child.begin()
        run: str = child.hear()
        told: list[Any] = [0]
        while isinstance(told[-1], int) and told[-1] < after:
            told.append(child.hear())
        return child, run, told

    def resumed(self, run: str) -> None:
        """Have the run go on to its end, if that has not come. Raises: OSError if it fails."""
        if self.record(run).state == "finished":
            return
        self.lost(run)
        child = self.child(run)
        child.begin()
        _told(list(child.told()), child)

    def lost(self, run: str) -> bool:
        """Whether the run is lost, a while from now."""
        registry = Registry(self.home, clock=lambda: time.time() + LATER_S)
        try:
            registry.expire()
            return registry.run(run).state == "lost"
        finally:
            registry.close()

    def record(self, run: str) -> RunRecord:
        registry = Registry(self.home)
        try:
            return registry.run(run)
        finally:
            registry.close()

    def ending(self, run: str) -> Ending:
        """How the run ended. Raises: OSError if it has not finished."""
        registry = Registry(self.home)
        try:
            record = registry.run(run)
            (last,) = registry.events(run, record.last_seq - 1)
        finally:
            registry.close()
        if not isinstance(last.event, RunFinished):
            raise OSError(f"run {run} is {record.state} at event {record.last_seq}: {last.event}")
        return Ending(record.chain, last.event.weights, last.event.digest, record.last_seq)

    def broken(self, run: str) -> str:
        """How the run differs from one that was left alone; "" where in nothing."""
        found: dict[str, Any] = self.ending(run)._asdict()
        differ = [
            f"{name} {found[name]} instead of {value}"
            for name, value in self.undisturbed._asdict().items()
            if found[name] != value
        ]
        return f"run {run}: {'; '.join(differ)}" if differ else ""


def _told(told: list[Any], child: Child) -> list[Any]:
    if told[-1:] != ["finished"]:
        ending = told[-1] if told and isinstance(told[-1], str) else child.last_words()
        raise OSError(f"a run was to finish: {ending}")
    return told
