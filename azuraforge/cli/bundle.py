"""`azuraforge bundle`: a run as one file, for another machine."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from azuraforge.cli.options import add_home, add_json, describe


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Write a run that has ended into one file: its spec, its journal, the checkpoints that\n"
        "are kept, its weights, and the hashes of its code and data, but not the data. The same\n"
        "run gives the same bytes. `azuraforge verify` checks such a file, `import` takes it in.",
        "bundle 01K3 -o run.azf",
    )
    parser.add_argument("run", metavar="ID", help="a run's id, or how it begins")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: the run's id and .azf"
    )
    add_home(parser)
    add_json(parser, "the manifest as one JSON document")


def run(arguments: Namespace) -> int:
    from contextlib import closing

    from azuraforge.actors.recording.bundling import bundle
    from azuraforge.actors.recording.registry import Registry
    from azuraforge.cli.output import print_document
    from azuraforge.store.blobs import open_blobs
    from azuraforge.store.home import home

    folder = home(arguments.home)
    with closing(Registry(folder)) as registry:
        run = registry.run(arguments.run).id
        path = arguments.output or Path(f"{run}.azf")
        manifest = bundle(registry, open_blobs(folder), run, path)
    if arguments.json:
        print_document(manifest)
    else:
        size = path.stat().st_size / 1e6
        print(f"{path}: run {run}, {manifest.events:,} events, "
              f"{len(manifest.files) - 1} blobs, {size:,.1f} MB")  # fmt: skip
    return 0
