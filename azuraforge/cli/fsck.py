"""`azuraforge fsck`: go through everything a home holds, and name what is damaged."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from azuraforge.cli.options import add_home, add_json, describe

DAMAGED = 1


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Read the whole home: the database's pages, every run's journal with its chain, its\n"
        "record as the journal tells it, checkpoints, models, each blob with its SHA-256. Says\n"
        "where something is damaged, what, and what to do. Changes nothing; runs may go on.\n"
        "Exit status 1 if something is damaged.",
        "fsck",
        "fsck --json",
    )
    add_home(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.actors.recording.fsck import fsck
    from azuraforge.cli.output import print_document
    from azuraforge.cli.table import cell
    from azuraforge.store.blobs import open_blobs
    from azuraforge.store.home import home

    folder = home(arguments.home)
    health = fsck(folder, open_blobs(folder))
    if arguments.json:
        print_document(health)
        return DAMAGED if health.damage else 0
    for word, found in (("note", health.notes), ("damage", health.damage)):
        for one in found:
            print(f"{word:6}  {cell(one.place)}: {cell(one.what)}\n{'':8}-> {cell(one.remedy)}")
    state = f"{len(health.damage)} things are damaged" if health.damage else "nothing is damaged"
    print(
        f"{state}: {health.runs:,} runs, {health.events:,} events, "
        f"{health.blobs:,} blobs, {health.blob_bytes / 1e6:,.1f} MB"
    )
    return DAMAGED if health.damage else 0
