"""Processes of a Ray cluster are killed: runs and studies end as if nothing had happened."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import structs

from azuraforge.chaos.child import Child
from azuraforge.chaos.kills import MOST_WAIT_S
from azuraforge.chaos.plugin import installed
from azuraforge.chaos.row import Case, Inject
from azuraforge.chaos.runs import MOST_ATTEMPTS, Runs
from azuraforge.chaos.specs import SpecOf, chaos
from azuraforge.chaos.work import study
from azuraforge.schema.specs import Choice, Range, StudySpec

TRIALS = 4
BETWEEN_S = 8.0  # at most, from one kill to the next: a Trainer needs some to come up
TRAINER, REGISTRY = (
    "ray::_TrainerActor",
    "ray::_RegistryActor",
)  # titles of processes


def of_an_actor(title: str, spec_of: SpecOf) -> Inject:
    """Runs of this spec on one cluster; after a random event of each, the actor is killed."""

    def inject(case: Case) -> Iterator[str]:
        runs = Runs(case, spec_of(case))  # left alone in a process: Ray must end as that does
        cluster = runs.child(*[runs.spec] * case.times, runtime="ray")
        cluster.begin()
        for _ in range(case.times):
            run: str = cluster.hear()
            after = case.rng.randrange(1, runs.undisturbed.events)
            told = _told_until(cluster, after)
            time.sleep(case.rng.uniform(0, MOST_WAIT_S))
            killed = _processes(title, cluster.pid)
            for process in killed:
                os.kill(process, signal.SIGKILL)
            case.figures["kills"] = case.figures.get("kills", 0) + len(killed)
            while not isinstance(told, str):
                told = cluster.hear()
            yield runs.broken(run) if told == "finished" else f"run {run}: {told}"
        if not case.figures["kills"]:  # one may come too late, but not every one
            yield f"no process is titled {title}"

    return inject


def of_a_study(case: Case) -> Iterator[str]:
    """A study on a cluster whose Trainers are killed now and then; its table is as without."""
    site = str(installed(case.folder))
    base = structs.replace(chaos(case), attempts=MOST_ATTEMPTS)
    space: dict[str, Range | Choice] = {"optim.lr": Range(low=1e-4, high=1e-1, log=True)}
    for number in range(case.times):
        spec = StudySpec(base=base, space=space, trials=TRIALS, parallel=2, seed=number)
        alone = Child(case, study, site, "local", _new(case, f"alone-{number}"), spec)
        alone.begin()
        (_, table) = alone.told()
        cluster = Child(case, study, site, "ray", _new(case, f"ray-{number}"), spec)
        cluster.begin()
        cluster.hear()
        while not cluster.has_told(case.rng.uniform(0, BETWEEN_S)):
            for process in _processes(TRAINER, cluster.pid)[:1]:
                os.kill(process, signal.SIGKILL)
                case.figures["kills"] = case.figures.get("kills", 0) + 1
        found = cluster.hear()
        cluster.kill()
        yield "" if found == table else f"the table is {found}, and without kills {table}"


def _new(case: Case, name: str) -> Path:
    home = case.folder / name
    home.mkdir()
    return home


def _told_until(cluster: Child, after: int) -> Any:
    """What was told last: the number of an event from `after` on, or how the run ended."""
    told: Any = 0
    while isinstance(told, int) and told < after:
        told = cluster.hear()
    return told


def _processes(title: str, ancestor: int) -> list[int]:
    """The processes of this title that descend from another."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_titled = (folder / "cmdline").read_bytes().startswith(title.encode())
            if is_titled and ancestor in _ancestors(folder):
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
    return found


def _ancestors(folder: Path) -> Iterator[int]:
    """The processes that a process descends from, the nearest first."""
    while folder.name not in ("0", "1"):
        parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        yield int(parent)
        folder = Path("/proc", parent)
