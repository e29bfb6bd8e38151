"""Runs of the tiny plugin with their journals, kept in memory as a Registry keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import structs

from azuraforge.actors.training.trainer import Trainer
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import CheckpointSaved, Event, JournalEntry, StepFinished
from azuraforge.schema.records import Attempt, Checkpoint, RunRecord
from azuraforge.schema.specs import CheckpointPolicy, RunSpec
from azuraforge.store.blobs import MemoryBlobs


class Journaled:
    """What is read of a Registry: runs that were trained here, all their checkpoints kept."""

    def __init__(self) -> None:
        self.blobs = MemoryBlobs()
        self.records: dict[str, RunRecord] = {}
        self.journals: dict[str, list[JournalEntry]] = {}

    def train(
        self, *asked: tuple[int, Command], seed: int = 0, every_steps: int = 2, **config: Any
    ) -> str:
        """Train a run to its end, each command given after its step; its id."""
        policy = CheckpointPolicy(every_steps=every_steps, every_epochs=0)
        spec = RunSpec(plugin="tiny", config=config, seed=seed, checkpoint=policy)
        run = f"run-{len(self.records) + 1}"
        requests = [
            Request(number=number, command=command, at_step=step)
            for number, (step, command) in enumerate(asked, 1)
        ]
        attempt = Attempt(
            run=run, number=1, spec=spec, known_seq=0, checkpoints=[], requests=requests, journal=[]
        )
        trainer = Trainer(spec, blobs=self.blobs, attempt=attempt)
        self.write(run, trainer.spec, list(trainer))
        return run

    def write(self, run: str, spec: RunSpec, events: Sequence[Event]) -> None:
        """Let this be the journal of a run."""
        chain, entries = bytes(32), []
        for seq, event in enumerate(events, 1):
            chain = sha256(chain + msgspec.json.encode(event, order="deterministic")).digest()
            entries.append(JournalEntry(run=run, seq=seq, event=event, chain=chain.hex()))
        steps = [event.step for event in events if isinstance(event, StepFinished)]
        self.journals[run] = entries
        self.records[run] = RunRecord(
            id=run,
            spec=spec,
            state="finished",
            created_at=0.0,
            last_seq=len(entries),
            step=max(steps, default=0),
            attempt=1,
        )

    def change(self, run: str, seq: int, **values: Any) -> None:
        """Write the journal anew with other values in one event."""
        events = [entry.event for entry in self.journals[run]]
        events[seq - 1] = structs.replace(events[seq - 1], **values)
        self.write(run, self.records[run].spec, events)

    def seq_of(self, run: str, step: int) -> int:
        """The number of the event that tells of a step."""
        return next(
            entry.seq
            for entry in self.journals[run]
            if isinstance(entry.event, StepFinished) and entry.event.step == step
        )

    def run(self, run: str) -> RunRecord:
        return self.records[run]

    def events(self, run: str, after: int = 0, limit: int = 1000) -> list[JournalEntry]:
        return self.journals[run][after : after + limit]

    def checkpoints(self, run: str) -> list[Checkpoint]:
        return [
            Checkpoint(
                seq=entry.seq,
                step=entry.event.step,
                epoch=entry.event.epoch,
                sha256=entry.event.sha256,
            )
            for entry in self.journals[run]
            if isinstance(entry.event, CheckpointSaved)
        ]
