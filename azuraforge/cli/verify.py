"""`azuraforge verify`: a bundle checked, and parts of its run done again here."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from azuraforge.cli.options import add_bundle, add_json, describe, whole

if TYPE_CHECKING:
    from azuraforge.actors.repeating.verifying import Verification

DIFFERS = 1
STEPS = 10


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Check a bundle: every size, hash and the chain of its journal. Then do steps of its run\n"
        "again on this machine, from its spec and from a checkpoint, and hold every event against\n"
        "the journal. That runs the plugin, as installed here, with the settings of the bundle.\n"
        "Exit status: 0 identical, 1 damaged or it differs.",
        "verify run.azf",
        "verify run.azf --steps 100 --json",
    )
    add_bundle(parser)
    parser.add_argument(
        "--steps",
        type=whole(0, 10**12),
        default=STEPS,
        metavar="N",
        help="how many to do again from either place; 0: none; default: %(default)s",
    )
    add_json(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.actors.repeating.bundled import Bundled
    from azuraforge.actors.repeating.verifying import verify
    from azuraforge.cli.counting import counting
    from azuraforge.cli.output import print_document
    from azuraforge.store.bundle_file import BundleFile

    with (
        BundleFile(arguments.bundle, max_bytes=arguments.max_size) as file,
        counting("steps compared", stream=sys.stderr, clock=time.monotonic) as count,
    ):
        found = verify(Bundled(file), arguments.steps, count)
    print_document(found) if arguments.json else print(told(found))
    return DIFFERS if any(report.difference for report in found.replays) else 0


def told(found: Verification) -> str:
    """What was found, in lines."""
    from azuraforge.cli.replay import told as replay_told

    lines = [
        f"sound: run {found.run}, {found.events:,} events, {found.files} files, "
        f"{found.size_bytes / 1e6:,.1f} MB, chain {found.chain[:12]}",
        *(replay_told(report) for report in found.replays),
    ]
    return "\n".join(lines)
