"""A Trainer that asks for more memory than there is: the system kills it, the next one goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from azuraforge.chaos.machine import MEMORY_V1
from azuraforge.chaos.row import Case
from azuraforge.chaos.runs import Runs
from azuraforge.chaos.specs import chaos

LEAST_MB, MOST_MB = 30, 140  # the run eats 128, after some for itself


def of_a_trainer(case: Case) -> Iterator[str]:
    """Each run eats a megabyte a step in a group that may have less; it ends outside of it."""
    spec = chaos(case)
    runs = Runs(case, structs.replace(spec, config=spec.config | {"hunger_mb": 1}))
    group = _group(case)
    for _ in range(case.times):
        child = runs.child(runs.spec)
        limit = case.rng.randint(LEAST_MB, MOST_MB) << 20
        (group / "memory.limit_in_bytes").write_text(str(limit))
        (group / "cgroup.procs").write_text(str(child.pid))
        child.begin()
        told = list(child.told())
        case.figures["killed"] = case.figures.get("killed", 0) + (told[-1:] != ["finished"])
        if told:  # else it died before there was a run
            runs.resumed(told[0])
        yield runs.broken(told[0]) if told else ""


def _group(case: Case) -> Path:
    group = MEMORY_V1 / f"azuraforge-chaos-{os.getpid()}"
    group.mkdir()
    case.undo.callback(group.rmdir)
    return group
