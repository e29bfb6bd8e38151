"""`azuraforge tui`: the terminal screen, on a service that runs or on one of its own."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from azuraforge.cli.options import add_home, add_runtime, describe

DEFAULT_URL = "http://127.0.0.1:8642"


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Watch and start runs in the terminal, on the service at --url. Where none was named and\n"
        "none answers at the default address, one is started for as long as the screen is open.",
        "tui",
        "tui --url http://127.0.0.1:9000",
    )
    parser.add_argument("--url", metavar="URL", help=f"of a service; default: {DEFAULT_URL}")
    add_runtime(parser)
    add_home(parser)


def run(arguments: Namespace) -> int:
    from azuraforge_tui.app import run as show

    from azuraforge.cli.own_service import answers, own_service
    from azuraforge.errors import ServiceError

    url = arguments.url or DEFAULT_URL
    if answers(url):
        show(url)
    elif arguments.url:
        raise ServiceError(f"no AzuraForge service answers at {url}; `azuraforge serve` starts one")
    else:
        print(f"no service at {url}; starting one on {arguments.runtime}", file=sys.stderr)
        with own_service(arguments.runtime, arguments.home) as own_url:
            show(own_url)
    return 0
