"""`azuraforge diff`: two runs beside each other, to the first layer and op at which they part."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import closing
from typing import TYPE_CHECKING

from azuraforge.cli.options import add_home, add_json, describe

if TYPE_CHECKING:
    from azuraforge.schema.comparison import Parting, RunComparison

DIFFERS = 1
PHASES = {
    "parameters": "it begins with other parameters: {name}",
    "optimizer": "the optimizer is not the same: {name}",
    "given": "what comes into {where} is not the same: operand {place} of {op}",
    "forward": "forwards, in {where}: {op}",
    "backward": "backwards, in {where}: the gradient of {op} for its operand {place}",
    "gradients": "the gradient that the update uses: {name}",
    "update": "the update: {name}",
    "nothing": "done again here, the step is the same in both",
}


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Hold two runs beside each other: what of their specs differs, the first event that does,\n"
        "and in that step, done again for both, the first layer and op at which they part.\n"
        "Exit status: 0 identical, 1 they differ.",
        "diff 01K3 01K4",
        "diff 01K3 01K4 --json | jq .parting",
    )
    for name in ("one", "other"):
        parser.add_argument(name, metavar="ID", help="a run's id, or how it begins")
    add_home(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.actors.recording.registry import Registry
    from azuraforge.actors.repeating.diff import diff
    from azuraforge.cli.output import print_document
    from azuraforge.store.blobs import open_blobs
    from azuraforge.store.home import home

    folder = home(arguments.home)
    with closing(Registry(folder)) as registry:
        found = diff(registry, open_blobs(folder), arguments.one, arguments.other)
    print_document(found) if arguments.json else print(told(found))
    return 0 if found.is_identical else DIFFERS


def told(found: RunComparison) -> str:
    """What was found, in lines."""
    from azuraforge.cli.comparisons import differences_table

    if found.is_identical:
        return f"identical, {found.events:,} events"
    lines = []
    if found.spec:
        lines += ["their specs differ:", differences_table(found.spec, found.one, found.other), ""]
    if found.provenance:
        lines += ["where they were made differs:", *(f"  {d}" for d in found.provenance), ""]
    lines.append(f"the first {found.events:,} events are identical")
    if found.entry is not None:
        entry = found.entry
        lines += [
            f"the first that differs is event {entry.seq:,} ({entry.event}), step {entry.step:,}:",
            differences_table(entry.differences, found.one, found.other),
        ]
    if found.parting is not None:
        lines += ["", *_parting(found.parting, found)]
    return "\n".join([*lines, *([found.note] if found.note else [])])


def _parting(parting: Parting, found: RunComparison) -> list[str]:
    where = {None: "no layer, outside of the model", "": "the model itself"}.get(
        parting.layer, parting.layer
    )
    words = {"name": parting.name, "op": parting.op, "place": parting.place, "where": where}
    lines = [f"in step {parting.step:,} they part: {PHASES[parting.phase].format(**words)}"]
    if parting.phase != "nothing":
        lines += [f"  {found.one}: {parting.one}", f"  {found.other}: {parting.other}"]
    return [*lines, f"({parting.steps_done:,} steps were done again to know it)"]
