"""`azuraforge serve`: runs and models over HTTP, until interrupted."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, Namespace

from azuraforge.cli.options import add_home, add_runtime, describe, whole


def declare(parser: ArgumentParser) -> None:
    describe(
        parser,
        "Serve runs and models over HTTP until interrupted; prints the URL once it answers.\n"
        "Runs of this home whose Trainers died are taken up where they were.",
        "serve",
        "serve --port 9000 --runtime local",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; default: %(default)s, this machine",
    )
    parser.add_argument(
        "--port", type=whole(0, 65_535), default=8642, help="0: a free one; default: %(default)s"
    )
    add_runtime(parser)
    add_home(parser)


def run(arguments: Namespace) -> int:
    from azuraforge.actors.connect import connect
    from azuraforge.api.server import listen, serve_on
    from azuraforge.store.home import home

    async def serve() -> None:
        try:
            await serve_on(listener, handles, on_ready=tell)
        finally:
            await handles.close()

    home(arguments.home)  # an unusable home or a port in use is told before Ray takes its seconds
    with listen(arguments.host, arguments.port) as listener:
        print(f"starting the {arguments.runtime} runtime", file=sys.stderr)
        handles = connect(arguments.runtime, home=arguments.home, adopts=True)
        asyncio.run(serve())
    return 0


def tell(url: str) -> None:
    """The one line on stdout: `azuraforge tui` waits for it."""
    print(url, flush=True)
