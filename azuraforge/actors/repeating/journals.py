"""Journals read and held beside each other, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from azuraforge.schema.comparison import Difference, EntryDifference
from azuraforge.schema.events import Event, JournalEntry
from azuraforge.schema.records import Checkpoint, RunRecord

PAGE = 1000


class Journals(Protocol):
    """What is read of a Registry."""

    def run(self, run: str) -> RunRecord: ...

    def events(self, run: str, after: int = 0, limit: int = 1000) -> list[JournalEntry]: ...

    def checkpoints(self, run: str) -> list[Checkpoint]: ...


def journal(registry: Journals, run: str, after: int = 0) -> Iterator[JournalEntry]:
    """The entries of a run from behind `after`, in order."""
    while entries := registry.events(run, after, PAGE):
        yield from entries
        after = entries[-1].seq


def common(registry: Journals, one: RunRecord, other: RunRecord) -> int:
    """How many entries two journals have in common from the start, by their chains.

    A chain vouches for all before it, so a search by halves finds the number.
    """
    same, beyond = 0, min(one.last_seq, other.last_seq) + 1
    while beyond - same > 1:
        middle = (same + beyond) // 2
        chains = {registry.events(run.id, middle - 1, 1)[0].chain for run in (one, other)}
        same, beyond = (middle, beyond) if len(chains) == 1 else (same, middle)
    return same


def entry_difference(seq: int, one: Event | None, other: Event | None) -> EntryDifference | None:
    """What is not the same of two entries of one number; None where all is."""
    found = differences(one, other)
    if not found:
        return None
    kinds = dict.fromkeys(kind_of(event) for event in (one, other) if event is not None)
    step = next((getattr(event, "step", 0) for event in (one, other) if event is not None), 0)
    return EntryDifference(seq=seq, step=step, event=", ".join(kinds), differences=found)


def differences(one: Any, other: Any) -> list[Difference]:
    """The values that are not the same in two structs, by their dotted paths."""
    ours, theirs = (flat(msgspec.to_builtins(value)) for value in (one, other))
    if ours.get("type") != theirs.get("type"):  # two kinds of event have little else to compare
        return [Difference(path="type", one=ours.get("type"), other=theirs.get("type"))]
    return [
        Difference(path=path, one=ours.get(path), other=theirs.get(path))
        for path in dict.fromkeys([*ours, *theirs])
        if ours.get(path) != theirs.get(path)
    ]


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted path."""
    if not isinstance(value, Mapping):
        return {prefix.removesuffix("."): value} if prefix else {}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= flat(inner, f"{prefix}{key}.")
    return found


def kind_of(event: Event) -> str:
    """The tag of an event, as in its JSON."""
    tag = str(type(event).__struct_config__.tag)
    return tag
