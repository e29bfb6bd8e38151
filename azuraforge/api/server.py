"""The service on a port: uvicorn, with our own words for a port in use and our own way to stop."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from litestar import Litestar

from azuraforge.actors.handles import Handles
from azuraforge.api.app import create_app
from azuraforge.errors import ConfigError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
PATIENCE_S = 1  # for requests under way when the service stops; streams end at once


async def serve(handles: Handles, host: str, port: int, *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT, SIGTERM or cancelled; then close the handles.

    `on_ready` gets the URL once requests are answered; port 0 takes one that is free.

    Raises: ConfigError if the service cannot listen there.
    """
    try:
        with listen(host, port) as listener:
            await serve_on(listener, handles, on_ready=on_ready)
    finally:
        await handles.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket listening on host and port.

    Raises: ConfigError naming both, and what to do.
    """
    if not 0 <= port <= 65535:  # getaddrinfo takes 65536 for 0
        raise ConfigError(f"port: got {port}; allowed: 0 to 65535")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no DNS can hold
        raise ConfigError(f"cannot listen on {host}:{port}: {_reason(error)}") from error


async def serve_on(
    listener: socket.socket, handles: Handles, *, on_ready: Callable[[str], None]
) -> None:
    """Serve on a listening socket until SIGINT, SIGTERM or cancelled; the handles stay open."""
    host, port, *_ = listener.getsockname()
    is_loopback = ipaddress.ip_address(host).is_loopback
    app = create_app(handles, allowed_hosts=LOOPBACK_NAMES if is_loopback else None)
    server = _Server(app, lambda: on_ready(f"http://{_in_url(host)}:{port}"))
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


class _Server(uvicorn.Server):
    def __init__(self, app: Litestar, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,  # a library does not configure logging
                access_log=False,
                server_header=False,
                proxy_headers=False,  # X-Forwarded-For is believed of nobody
                ws="none",
                timeout_graceful_shutdown=PATIENCE_S,
            )
        )
        self._streams = app.state.streams
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams.close()  # or an open stream would take all of PATIENCE_S
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop. uvicorn's own would raise the signal again, before the handles are closed."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def _reason(error: OSError | UnicodeError) -> str:
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EADDRINUSE:
        return "the port is in use; stop what listens there, or choose another (0: any free one)"
    if code == errno.EACCES:
        return "ports below 1024 need more rights; choose a higher one"
    if isinstance(error, socket.gaierror | UnicodeError) or code == errno.EADDRNOTAVAIL:
        return "this machine has no such address; 127.0.0.1 is for itself alone, 0.0.0.0 for all"
    return str(error)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
