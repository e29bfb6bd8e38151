"""`azuraforge doctor`: what works on this machine, and what to do about what does not."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from azuraforge.cli.options import add_home, add_json, describe


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Say what works on this machine, what is missing and nobody has to have, what is broken,\n"
        "and what to do about it. Exit status 1 if something is broken.",
        "doctor",
        "doctor --deep",
    )
    parser.add_argument("--deep", action="store_true", help="also start a Ray, and stop it")
    add_home(parser)
    add_json(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.cli.health import checks
    from azuraforge.cli.output import print_document
    from azuraforge.cli.table import cell

    found = []
    for check in checks(arguments.home, deep=arguments.deep):
        found.append(check)
        if not arguments.json:
            print(f"{check.state:8} {check.name:14} {cell(check.detail)}", flush=True)
            if check.remedy:
                print(f"{'':23} -> {check.remedy}", flush=True)
    if arguments.json:
        print_document(found)
    return 1 if any(check.state == "broken" for check in found) else 0
