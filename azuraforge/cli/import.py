"""`azuraforge import`: a bundle's run put into this home."""  # noqa: N999  (the command is called so)

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from azuraforge.cli.options import add_bundle, add_home, add_json, describe


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Put the run of a bundle into this home, under its own id, with its model. Every hash,\n"
        "size and the chain of its journal are checked first; nothing of it is executed.",
        "import run.azf",
    )
    add_bundle(parser)
    add_home(parser)
    add_json(parser, "the run as one JSON document")


def run(arguments: Namespace) -> int:
    from contextlib import closing

    from azuraforge.actors.recording.bundling import unbundle
    from azuraforge.actors.recording.registry import Registry
    from azuraforge.actors.repeating.bundled import Bundled
    from azuraforge.cli.output import print_document
    from azuraforge.store.blobs import open_blobs
    from azuraforge.store.bundle_file import BundleFile
    from azuraforge.store.home import home

    folder = home(arguments.home)
    with (
        BundleFile(arguments.bundle, max_bytes=arguments.max_size) as file,
        closing(Registry(folder)) as registry,
    ):
        record = unbundle(registry, open_blobs(folder), Bundled(file))
    if arguments.json:
        print_document(record)
        return 0
    model = f", model {record.model}:{record.model_version}" if record.model_version else ""
    print(f"run {record.id}: {record.state}, {record.last_seq:,} events{model}")
    return 0
