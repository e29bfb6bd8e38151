"""Runs that a row trains in processes of its own, and whether they ended as if left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from azuraforge.actors.registry import Registry
from azuraforge.chaos.child import Child
from azuraforge.chaos.plugin import installed
from azuraforge.chaos.row import Case
from azuraforge.chaos.work import train
from azuraforge.schema.events import RunFinished
from azuraforge.schema.records import RunRecord
from azuraforge.schema.specs import RunSpec

MOST_ATTEMPTS = 100


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
        first = self.new()
        self.trained(first)
        self.undisturbed = self.ending(first)

    def new(self) -> str:
        """A further run; its id."""
        registry = Registry(self.home)
        run = registry.create_run(self.spec).id
        registry.close()
        return run

    def child(self, run: str) -> Child:
        """A process that will give the run a Trainer, and tell its state in the end."""
        return Child(self._case, train, self._site, self.home, run)

    def trained(self, run: str) -> None:
        """Train the run to its end. Raises: OSError if that fails."""
        child = self.child(run)
        child.begin()
        told = list(child.told())
        if told[-1:] != ["finished"]:
            state = told[-1] if told and isinstance(told[-1], str) else "not over"
            raise OSError(f"run {run} was trained, and is {state}: {child.last_words()}")

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
            f"{name} {value} and not {found[name]}"
            for name, value in self.undisturbed._asdict().items()
            if found[name] != value
        ]
        return f"run {run}: {'; '.join(differ)}" if differ else ""
