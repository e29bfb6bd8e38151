"""`azuraforge replay`: a run done again, and held against its journal."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from contextlib import closing
from typing import TYPE_CHECKING

from azuraforge.cli.options import add_home, add_json, describe, whole

if TYPE_CHECKING:
    from azuraforge.schema.comparison import ReplayReport

DIFFERS = 1
STEPS_MOST = 10**12


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Do a run again from its spec and the interventions made on it, writing nothing, and hold\n"
        "every event against its journal. Exit status: 0 identical, 1 it differs.",
        "replay 01K3",
        "replay 01K3 --from 1200 --steps 10",
        "replay 01K3 --json | jq .difference",
    )
    parser.add_argument("run", metavar="ID", help="a run's id, or how it begins")
    parser.add_argument(
        "--from",
        dest="start",
        type=whole(0, STEPS_MOST),
        default=0,
        metavar="STEP",
        help="begin with the nearest checkpoint at or before STEP; default: 0, from the spec alone",
    )
    parser.add_argument(
        "--steps",
        type=whole(1, STEPS_MOST),
        metavar="N",
        help="end N steps after STEP; default: with the run",
    )
    add_home(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.actors.recording.registry import Registry
    from azuraforge.actors.repeating.replay import replay
    from azuraforge.cli.counting import counting
    from azuraforge.cli.output import print_document
    from azuraforge.store.blobs import open_blobs
    from azuraforge.store.home import home

    folder = home(arguments.home)
    drawn = counting("steps compared", stream=sys.stderr, clock=time.monotonic)
    with closing(Registry(folder)) as registry, drawn as count:
        end = None if arguments.steps is None else arguments.start + arguments.steps
        report = replay(
            registry,
            open_blobs(folder),
            arguments.run,
            from_step=arguments.start,
            to_step=end,
            on_step=count,
        )
    print_document(report) if arguments.json else print(told(report))
    return 0 if report.difference is None else DIFFERS


def told(report: ReplayReport) -> str:
    """What came of it, in lines."""
    from azuraforge.cli.comparisons import differences_table

    steps = f"steps {report.from_step:,} to {report.to_step:,}"
    events = f"events {report.first_seq:,} to {report.last_seq:,}"
    began = "the spec" if report.checkpoint is None else f"checkpoint {report.checkpoint[:12]}"
    lines = [f"run {report.run}, from {began}: {steps}, {events}"]
    if report.difference is None:
        lines.append("identical: every event, and the chain over them")
    else:
        found = report.difference
        lines += [
            f"differs at event {found.seq:,} ({found.event}), step {found.step:,}:",
            differences_table(found.differences, "journal", "here"),
        ]
    if report.provenance:
        lines += ["what is not as where the run was made:", *(f"  {d}" for d in report.provenance)]
    return "\n".join(lines)
