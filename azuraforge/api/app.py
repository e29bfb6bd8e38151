"""The service as a Litestar application in front of a runtime's handles."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from litestar import Litestar, Response, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin

import azuraforge
from azuraforge.actors.handles import Handles
from azuraforge.api.event_stream import EventStreams
from azuraforge.api.guards import KnownHost, json_body
from azuraforge.api.problems import problem_response
from azuraforge.api.repeats import Repeats
from azuraforge.api.routes.health import health
from azuraforge.api.routes.models import list_models, predict, show_model
from azuraforge.api.routes.plugins import list_plugins, show_plugin
from azuraforge.api.routes.runs import (
    command_run,
    list_runs,
    run_events,
    show_run,
    start_run,
    stop_run,
)

MAX_BODY_BYTES = 16 * 2**20  # a predict request of 800 MNIST images as JSON is 3 MB


def create_app(
    handles: Handles, *, ping_s: float = 15.0, allowed_hosts: Collection[str] | None = None
) -> Litestar:
    """The service over these handles, which stay the caller's to close.

    Event streams send a comment every `ping_s` seconds that nothing happens, so that neither a
    proxy nor the client takes them for dead. `allowed_hosts` are the names a request may call
    the service by; None allows any.
    """
    streams = EventStreams(ping_s)
    app = Litestar(
        [
            health,
            *(list_runs, start_run, show_run, stop_run, command_run, run_events),
            *(list_plugins, show_plugin),
            *(list_models, show_model, predict),
        ],
        middleware=[Repeats()],
        guards=[KnownHost(allowed_hosts), json_body],
        dependencies={
            "handles": Provide(lambda: handles, sync_to_thread=False),
            "streams": Provide(lambda: streams, sync_to_thread=False),
        },
        exception_handlers={HTTPException: problem_response, Exception: problem_response},
        openapi_config=OpenAPIConfig(
            title="AzuraForge",
            version=azuraforge.__version__,
            description="Runs, models and plugins. Errors are RFC 9457 problem documents.",
            use_handler_docstrings=True,
            operation_id_creator=lambda handler, _method, _path: handler.handler_name,
            openapi_router=Router(
                "/schema", route_handlers=[], include_in_schema=False, after_request=_no_html
            ),
            # Litestar's HTML pages load their scripts from the internet; these load nothing
            render_plugins=[JsonRenderPlugin(), YamlRenderPlugin()],
        ),
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,  # a library does not configure logging
        debug=False,  # never LITESTAR_DEBUG's tracebacks in a response
    )
    app.state.streams = streams
    return app


def _no_html(response: Response[Any]) -> Response[Any]:
    """Litestar answers an unknown path below /schema with a page: raise the 404 instead."""
    if response.status_code == 404:
        raise NotFoundException
    return response
