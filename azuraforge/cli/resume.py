"""`azuraforge resume`: a run whose Trainer or whose computer died goes on, exactly."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from azuraforge.cli.options import add_home, add_json, add_runtime, describe


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Go on with a run that was lost, from its last checkpoint, to the very end it would have\n"
        "had. Waits some seconds until it is plain that nobody works on it any more. Code, data\n"
        "and machine have to be as they were: else it says what differs.",
        "resume 01K3",
        "resume 01K3 --accept-differences",
    )
    parser.add_argument("run", metavar="ID", help="a run's id, or how it begins")
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
    from azuraforge.cli.training import resume

    return resume(arguments.run, arguments)
