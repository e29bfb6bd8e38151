"""`azuraforge query`: SQL over runs, settings, metrics, events, tags and models."""

from __future__ import annotations

import csv
import sys
from argparse import ArgumentParser, Namespace
from contextlib import closing
from typing import TYPE_CHECKING, Any

from azuraforge.cli.options import add_home, describe

if TYPE_CHECKING:
    from azuraforge.store.query import Answer


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Ask SQL of what was run: a select, in DuckDB's dialect, over the tables runs, params,\n"
        "metrics, events, tags and models; `azuraforge query` alone lists their columns. They are\n"
        "Parquet files in the home folder's snapshots/, brought up to date first.",
        "query \"select run, plugin, best from runs where state = 'finished' order by best\"",
        "query \"select step, value from metrics where run = '01K3…' and name = 'loss'\" --csv",
        'query "pivot params on path using first(value) group by run" --json',
    )
    parser.add_argument("sql", nargs="?", metavar="SQL", help="one select, or - to read it")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list of objects")
    form.add_argument("--csv", action="store_true", help="print CSV with a header")
    add_home(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.store.home import home
    from azuraforge.store.open import open_database
    from azuraforge.store.query import ask
    from azuraforge.store.snapshots import Snapshots

    if arguments.sql is None:
        print(_tables())
        return 0
    sql = sys.stdin.read() if arguments.sql == "-" else arguments.sql
    folder = home(arguments.home)
    with (
        closing(open_database(folder)) as database,
        closing(Snapshots(folder, database)) as snapshots,
    ):
        answer = ask(sql, snapshots.refresh())
    if arguments.json:
        _print_json(answer)
    elif arguments.csv:
        _print_csv(answer)
    else:
        _print_table(answer)
    return 0


def _tables() -> str:
    """Every table with its columns and their types."""
    from azuraforge.cli.table import table
    from azuraforge.store.snapshot_tables import TABLES

    rows = [
        [name, column, kind] for name, columns in TABLES.items() for column, kind in columns.items()
    ]
    return table(["table", "column", "type"], rows)


def _print_table(answer: Answer) -> None:
    from azuraforge.cli.table import table

    print(table(answer.columns, answer.rows))


def _print_json(answer: Answer) -> None:
    from azuraforge.cli.output import print_document

    print_document(
        [dict(zip(answer.columns, map(_plain, row), strict=True)) for row in answer.rows]
    )


def _print_csv(answer: Answer) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows(answer.rows)


def _plain(value: Any) -> Any:
    """The value as JSON has it: a decimal, of a sum of whole numbers say, is a number."""
    from decimal import Decimal

    return float(value) if isinstance(value, Decimal) else value
