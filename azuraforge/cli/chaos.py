"""`azuraforge chaos`: the fault matrix on this machine."""

from __future__ import annotations

import signal
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from azuraforge.cli.options import add_json, describe, whole
from azuraforge.errors import ConfigError

if TYPE_CHECKING:
    from azuraforge.chaos.row import Row
    from azuraforge.chaos.running import Result


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Do to runs on this machine what machines do to them (kill them, cut the power, fill the\n"
        "disk, flip bits …) and see whether anything is lost. All in folders of its own, which go\n"
        "at the end; nothing else is touched. Some rows need root, strace or Ray; without, they\n"
        "say so. Exit status 1 if a row failed.",
        "chaos --list",
        "chaos --only power-journal bits-blob --times 5",
        "chaos --json",
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="ROW", help="these rows alone")
    parser.add_argument(
        "--times", type=whole(1, 1_000_000), metavar="N", help="inject N times; default: by row"
    )
    parser.add_argument(
        "--seed", type=whole(0, 2**63 - 1), default=0, metavar="N", help="of where; default: 0"
    )
    parser.add_argument("--list", action="store_true", help="print the rows and what they promise")
    add_json(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.chaos.matrix import ROWS
    from azuraforge.chaos.running import run_row
    from azuraforge.cli.output import print_document

    rows = _chosen(ROWS, arguments.only)
    if arguments.list:
        _list(rows, as_json=arguments.json)
        return 0
    results = []
    with _terminated_as_interrupted():
        for row in rows:
            results.append(run_row(row, times=arguments.times, seed=arguments.seed))
            if not arguments.json:
                _tell(results[-1], max(len(row.name) for row in rows))
    if arguments.json:
        print_document(results)
    return 1 if any(result.state == "failed" for result in results) else 0


def _chosen(rows: tuple[Row, ...], names: list[str]) -> tuple[Row, ...]:
    known = [row.name for row in rows]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"--only: no row {unknown[0]!r}; rows: {', '.join(known)}")
    return tuple(row for row in rows if not names or row.name in names)


def _list(rows: tuple[Row, ...], *, as_json: bool) -> None:
    from azuraforge.cli.output import print_document
    from azuraforge.cli.table import table

    names = ("name", "component", "injected", "expected")
    if as_json:
        print_document([{name: getattr(row, name) for name in names} for row in rows])
    else:
        print(table(names, [[getattr(row, name) for name in names] for row in rows]))


def _tell(result: Result, width: int) -> None:
    from azuraforge.cli.table import cell, number

    figures = "".join(f", {name} {number(value)}" for name, value in result.figures.items())
    counts = f"{result.passed:5} of {result.times:5} in {result.seconds:6.1f} s{figures}"
    told = result.reason or f"{counts}  {result.expected}"
    print(f"{result.state:7} {result.name:{width}} {told}", flush=True)
    if result.failure:
        print(f"{'':{width + 8}} -> {cell(result.failure)}", flush=True)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """In the block SIGTERM ends the row as Ctrl-C does, so that all it made is undone."""

    def receive(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, receive)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
