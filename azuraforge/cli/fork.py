"""`azuraforge fork`: go on from any step of a run, with other settings."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import closing

from azuraforge.cli.options import (
    add_home,
    add_json,
    add_runtime,
    add_settings,
    describe,
    setting,
    whole,
)


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "A new run that is the given one, exactly, up to a step, and goes its own way from there.\n"
        "It begins with the nearest checkpoint and repeats the steps since. What can be set is\n"
        "what `azuraforge control ID set` takes.",
        "fork 01K3 --at 1200 --set optim.lr=1e-4",
        "fork 01K3 --at 1200 --set training.epochs=20 --tag idea=longer",
    )
    parser.add_argument("run", metavar="ID", help="a run's id, or how it begins")
    parser.add_argument(
        "--at",
        type=whole(0, 10**12),
        required=True,
        metavar="STEP",
        help="the last step that the two have in common; 0: none",
    )
    add_settings(parser)
    parser.add_argument(
        "--tag",
        dest="tags",
        action="append",
        default=[],
        type=setting,
        metavar="KEY=VALUE",
        help="mark the new run, as often as needed; it has its parent's tags already",
    )
    parser.add_argument(
        "--accept-differences",
        action="store_true",
        help="go on though code, data or machine differ; the run is marked as not exact",
    )
    parser.add_argument("--quiet", action="store_true", help="print the results only")
    add_runtime(parser)
    add_home(parser)
    add_json(parser, "one JSON line per event of the journal, then one with the run's record")


def run(arguments: Namespace) -> int:
    from azuraforge.actors.commands import check_command
    from azuraforge.actors.recording.registry import Registry
    from azuraforge.cli.training import fork
    from azuraforge.schema.commands import Command
    from azuraforge.store.home import home

    reason = f"azuraforge fork --at {arguments.at}"
    commands = [Command(name="set", path=p, value=v, reason=reason) for p, v in arguments.settings]
    with closing(Registry(home(arguments.home))) as registry:
        parent = registry.run(arguments.run)
    checked = [check_command(parent.spec, one) for one in commands]  # before Ray takes its seconds
    return fork(parent.id, checked, arguments)
