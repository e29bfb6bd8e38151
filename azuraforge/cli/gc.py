"""`azuraforge gc`: let go of blobs that nothing refers to."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace

from azuraforge.cli.options import add_home, add_json, describe

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Delete checkpoints and weights that no run and no model refers to any more, and what\n"
        "writers that died have left unfinished. What was put within --older-than stays, as the\n"
        "event that names it may be on its way. Runs may go on meanwhile.",
        "gc --dry-run",
        "gc --older-than 2d",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell, and delete nothing")
    parser.add_argument(
        "--older-than",
        type=age,
        default=SECONDS["h"],
        metavar="AGE",
        help="30s, 10m, 12h, 2d; default: 1h",
    )
    add_home(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    import time
    from contextlib import closing

    from azuraforge.actors.recording.registry import Registry
    from azuraforge.cli.output import print_document
    from azuraforge.store.blobs import open_blobs
    from azuraforge.store.collection import collect
    from azuraforge.store.home import home

    folder = home(arguments.home)
    with closing(Registry(folder)) as registry:
        told = collect(
            registry.still,
            open_blobs(folder),
            older_than_s=arguments.older_than,
            now=time.time(),
            is_dry_run=arguments.dry_run,
        )
    if arguments.json:
        print_document(told)
        return 0
    for name in [*told.blobs, *told.unfinished]:
        print(name)
    verb = "would free" if told.is_dry_run else "freed"
    print(
        f"{verb} {told.freed_bytes / 1e6:,.1f} MB: {len(told.blobs)} blobs, "
        f"{len(told.unfinished)} unfinished files; kept {told.kept} blobs, "
        f"{told.kept_bytes / 1e6:,.1f} MB"
    )
    return 0


def age(text: str) -> float:
    """`90s`, `10m`, `1h` or `2d` in seconds."""
    found = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if found is None:
        raise ArgumentTypeError(f"got {text!r}; it is written as in 30s, 10m, 12h or 2d")
    return float(int(found[1]) * SECONDS[found[2]])
