"""`azuraforge train`: one run from spec to registered model, told as it goes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from azuraforge.cli.options import add_json, add_labels, add_run, describe


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Train a plugin's model, register the best one, try it on examples it has not seen.\n"
        "Ctrl-C stops after the present step and keeps the last checkpoint; twice leaves at once.",
        "train images",
        "train images --set training.epochs=3 --set optim.lr=0.01 --seed 7",
        "train stock --set data.path=AAPL.csv --json | jq .event.loss",
    )
    add_run(parser)
    add_labels(parser)
    parser.add_argument("--quiet", action="store_true", help="print the results only")
    add_json(parser, "one JSON line per event of the journal, then one with the run's record")


def run(arguments: Namespace) -> int:
    from azuraforge.cli.spec import spec_of
    from azuraforge.cli.training import train

    return train(spec_of(arguments), arguments)
