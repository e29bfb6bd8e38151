"""`azuraforge models`: what is registered, and how good it is."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from contextlib import closing
from typing import TYPE_CHECKING

from azuraforge.cli.options import add_home, add_json, describe, model_version

if TYPE_CHECKING:
    from azuraforge.schema.records import ModelVersion


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "List every version of every model, or show one.",
        "models",
        "models images",
        "models images:2 --json",
    )
    parser.add_argument(
        "model",
        nargs="?",
        type=model_version,
        metavar="NAME[:VERSION]",
        help="VERSION is a number or an alias; default: champion",
    )
    add_home(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.actors.recording.registry import Registry
    from azuraforge.cli.output import print_document
    from azuraforge.store.home import home

    with closing(Registry(home(arguments.home))) as registry:
        if arguments.model is not None:
            model = registry.model(*arguments.model)
            print_document(model) if arguments.json else print(details(model))
        elif arguments.json:
            print_document(registry.models())
        else:
            _list(registry.models())
    return 0


def details(model: ModelVersion) -> str:
    """A version in lines: where it came from, how good it is."""
    from azuraforge.cli.results import metrics_table, pairs
    from azuraforge.cli.table import facts, moment, settings

    told = facts(
        [
            ("model", f"{model.name}:{model.version}"),
            ("aliases", ", ".join(model.aliases)),
            ("run", model.run),
            ("created", moment(model.created_at)),
            ("plugin", model.plugin),
            ("settings", " ".join(f"{path}={value}" for path, value in settings(model.config))),
            ("weights", model.weights),
            ("validation", pairs(model.validation)),
        ]
    )
    return f"{told}\n\ntest metrics:\n{metrics_table(model.test, model.monitor, model.mode)}"


def _list(models: list[ModelVersion]) -> None:
    from azuraforge.cli.table import moment, table

    if not models:
        print("no models yet; `azuraforge train images` makes one", file=sys.stderr)
        return
    headers = ["model", "aliases", "metric", "validation", "test", "run", "created"]
    rows = [
        [
            f"{model.name}:{model.version}",
            ", ".join(model.aliases),
            model.monitor,
            model.validation.get(model.monitor),
            model.test.get(model.monitor),
            model.run,
            moment(model.created_at),
        ]
        for model in models
    ]
    print(table(headers, rows))
