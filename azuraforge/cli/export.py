"""`azuraforge export`: runs in the form of another program."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from contextlib import closing
from pathlib import Path

from azuraforge.cli.options import add_home, describe


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Write every run - settings, metrics, tags, spec, journal - into a new folder as MLflow\n"
        "keeps them in files: MLflow 3 reads it where MLFLOW_ALLOW_FILE_STORE=true, and\n"
        "`mlflow migrate-filestore` makes a database of it.",
        "export --mlflow mlruns",
    )
    parser.add_argument(
        "--mlflow", type=Path, required=True, metavar="DIR", help="a new or an empty folder"
    )
    add_home(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.store.home import home
    from azuraforge.store.mlflow import export
    from azuraforge.store.open import open_database

    with closing(open_database(home(arguments.home))) as database:
        count = export(database, arguments.mlflow)
    print(f"{count} {'run' if count == 1 else 'runs'} in {arguments.mlflow}", file=sys.stderr)
    return 0
