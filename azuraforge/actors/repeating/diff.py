"""Two runs beside each other: how far they are the same, where they part, and in what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from azuraforge.actors.repeating.again import Again
from azuraforge.actors.repeating.journals import (
    Journals,
    common,
    differences,
    entry_difference,
    journal,
)
from azuraforge.actors.repeating.parting import parting
from azuraforge.actors.repeating.seeing import Seen, see
from azuraforge.errors import AzuraForgeError
from azuraforge.schema import provenance
from azuraforge.schema.comparison import RunComparison
from azuraforge.schema.events import (
    CheckpointSaved,
    Event,
    JournalEntry,
    RunFinished,
    RunStarted,
    RunStopped,
    StepFinished,
)
from azuraforge.schema.records import RunRecord
from azuraforge.store.blobs import BlobStore

# What of an event follows from the spec or the machine as such: told by itself, and the names of
# blobs hold both.
OWN: dict[type, dict[str, Any]] = {
    RunStarted: {"spec_hash": "", "provenance": None},
    CheckpointSaved: {"sha256": ""},
    RunStopped: {"checkpoint": None},
    RunFinished: {"weights": ""},
}
Runs = tuple[RunRecord, RunRecord]
Pair = tuple[JournalEntry, JournalEntry]


def diff(registry: Journals, blobs: BlobStore, one: str, other: str) -> RunComparison:
    """Where two runs part: by their journals, then within the step, which is done again for both.

    Raises: NotFoundError.
    """
    runs = registry.run(one), registry.run(other)
    same = common(registry, *runs)
    told = RunComparison(
        one=runs[0].id,
        other=runs[1].id,
        events=same,
        is_identical=same == runs[0].last_seq == runs[1].last_seq,
        spec=differences(runs[0].spec, runs[1].spec),
        provenance=_provenance(registry, runs),
    )
    first = next(_parted(_side_by_side(registry, runs, same)), None)
    if first is None:
        return told if told.is_identical else structs.replace(told, note=_same(runs, same))
    entry = entry_difference(first[0].seq, *(_bare(entry.event) for entry in first))
    told = structs.replace(told, entry=entry)
    step = next(_parted(_steps(registry, runs, same)), None)
    if step is None:
        return structs.replace(told, note="the steps they have in common are all the same")
    return _located(registry, blobs, told, step)


def _located(
    registry: Journals, blobs: BlobStore, told: RunComparison, step: Pair
) -> RunComparison:
    """With where they part within the step, if it can be done again here."""
    steps = [at.event.step for at in step if isinstance(at.event, StepFinished)]
    if steps[0] != steps[1]:
        return structs.replace(told, note="from there on they do different steps")
    done: list[tuple[Seen, Again]] = []
    for run, at in zip((told.one, told.other), step, strict=True):
        try:
            again = Again(registry, blobs, run, steps[0] - 1)
            seen, event = see(again, at, with_marks=True)
        except AzuraForgeError as error:
            return structs.replace(told, note=f"run {run} cannot be done again here: {error}")
        if event != at.event:
            note = f"run {run}, done again here, is not what its journal holds; replay it"
            return structs.replace(told, note=note)
        done.append((seen, again))
    (one, _), (other, _) = done
    steps_done = sum(again.steps_done for _, again in done)
    return structs.replace(told, parting=parting(steps[0], one, other, steps_done))


def _same(runs: Runs, same: int) -> str:
    """What is to be said where no event differs."""
    shorter, longer = sorted(runs, key=lambda run: run.last_seq)
    if shorter.last_seq == longer.last_seq:
        return "but for that, all their events are the same"
    more = longer.last_seq - shorter.last_seq
    return f"run {shorter.id} ends there; run {longer.id} goes on for {more} events"


def _side_by_side(registry: Journals, runs: Runs, after: int) -> Iterator[Pair]:
    return zip(*(journal(registry, run.id, after) for run in runs), strict=False)


def _steps(registry: Journals, runs: Runs, after: int) -> Iterator[Pair]:
    """The steps of both, the first with the first and so on, whatever else happened."""
    one, other = (
        (e for e in journal(registry, run.id, after) if isinstance(e.event, StepFinished))
        for run in runs
    )
    return zip(one, other, strict=False)


def _parted(pairs: Iterator[Pair]) -> Iterator[Pair]:
    return (pair for pair in pairs if _bare(pair[0].event) != _bare(pair[1].event))


def _bare(event: Event) -> Event:
    """The event without what is told by itself."""
    return structs.replace(event, **OWN.get(type(event), {}))


def _provenance(registry: Journals, runs: Runs) -> list[str]:
    """What differs in where the two were made."""
    starts = [registry.events(run.id, 0, 1) for run in runs]
    made = [
        entries[0].event.provenance
        for entries in starts
        if entries and isinstance(entries[0].event, RunStarted)
    ]
    if len(made) < 2 or made[0] is None or made[1] is None:
        return []
    return provenance.differences(made[0], made[1])
