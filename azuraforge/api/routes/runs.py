"""Runs: start, list, show, act on one, and follow it as it happens."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter, SkipValidation
from litestar.response.base import ASGIResponse

from azuraforge.actors.handles import Handles, follow
from azuraforge.api.event_stream import EventStreams
from azuraforge.api.problems import problems
from azuraforge.errors import ConfigError
from azuraforge.schema.commands import Command
from azuraforge.schema.events import JournalEntry, Telemetry
from azuraforge.schema.records import ENDED, RunRecord, RunState, StopRequest
from azuraforge.schema.specs import RunSpec

FOLLOWED: Any = JournalEntry | Telemetry  # Any: where pydantic is, ResponseSpec names no unions


@get("/v1/runs", responses=problems(400, 404, 503))
async def list_runs(
    handles: NamedDependency[SkipValidation[Handles]],
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
    before: Annotated[
        str | None, QueryParameter(description="id of the last run of the page before")
    ] = None,
    in_state: Annotated[
        RunState | None, QueryParameter(name="state")
    ] = None,  # Litestar's own name
    experiment: Annotated[str | None, QueryParameter()] = None,
    tag: Annotated[str | None, QueryParameter(description="key, or key=value")] = None,
) -> list[RunRecord]:
    """Runs, newest first."""
    return await handles.registry.runs(
        limit, before, state=in_state, experiment=experiment, tag=tag
    )


@post("/v1/runs", status_code=201, responses=problems(400, 404, 413, 415, 422, 503, 507))
async def start_run(
    handles: NamedDependency[SkipValidation[Handles]],
    data: JSONBody[RunSpec],
    experiment: Annotated[str, QueryParameter(min_length=1, max_length=100)] = "default",
    tag: Annotated[list[str] | None, QueryParameter(description="key=value, repeated")] = None,
) -> Response[RunRecord]:
    """Start a run; `Location` is its address."""
    run = await handles.start_run(data, experiment=experiment, tags=_tags(tag or []))
    return Response(run, headers={"Location": f"/v1/runs/{run.id}"})


@get("/v1/runs/{run:str}", responses=problems(400, 404, 503))
async def show_run(
    handles: NamedDependency[SkipValidation[Handles]], run: FromPath[str]
) -> RunRecord:
    """A run as it stands, by its id or the beginning of it."""
    return await handles.registry.run(run)


@post("/v1/runs/{run:str}/stop", status_code=202, responses=problems(400, 404, 409, 415, 422, 503))
async def stop_run(
    handles: NamedDependency[SkipValidation[Handles]],
    run: FromPath[str],
    data: JSONBody[StopRequest],
) -> RunRecord:
    """Ask a run to stop: it does after its present step."""
    return await handles.registry.command(run, Command(name="stop", reason=data.reason))


@post(
    "/v1/runs/{run:str}/commands",
    status_code=202,
    responses=problems(400, 404, 409, 413, 415, 422, 503),
)
async def command_run(
    handles: NamedDependency[SkipValidation[Handles]],
    run: FromPath[str],
    data: JSONBody[Command],
) -> RunRecord:
    """Ask a run to pause, resume, do some steps, stop, save, or be given a setting that is live.

    It takes effect between two steps, and is an `intervention` of the run's events then.
    """
    return await handles.command_run(run, data)


@get(
    "/v1/runs/{run:str}/events",
    responses={
        200: ResponseSpec(
            FOLLOWED,
            description="Server-sent events. The data of a message is a journal entry, its number "
            "the id, its tag the name; or telemetry, without an id. `end` comes after the last.",
            media_type="text/event-stream",
            generate_examples=False,
        ),
        204: ResponseSpec(None, description="The run has ended and has no event after that"),
        **problems(400, 404, 503),
    },
)
async def run_events(
    handles: NamedDependency[SkipValidation[Handles]],
    streams: NamedDependency[SkipValidation[EventStreams]],
    run: FromPath[str],
    after: Annotated[
        int, QueryParameter(ge=0, lt=10**15, description="number of the last event known")
    ] = 0,
    last_event_id: Annotated[
        str | None,  # as an int, Litestar would take 1e3 for a thousand
        HeaderParameter(
            name="Last-Event-ID", pattern="^[0-9]{1,15}$", description="goes before `after`"
        ),
    ] = None,
) -> ASGIResponse:
    """The run's events as they happen, from the one after the last known until the run ends."""
    seq = after if last_event_id is None else int(last_event_id)
    record = await handles.registry.run(run)
    if record.state in ENDED and record.last_seq <= seq:
        return ASGIResponse(status_code=204)  # tells a browser's EventSource not to come again
    return streams.response(follow(handles.registry, record.id, seq))


def _tags(given: list[str]) -> dict[str, str]:
    """Tags as they stand in an address. Raises: ConfigError for one that is none."""
    tags = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not key or not equals:
            raise ConfigError(f"tag: got {one!r}; it is written key=value")
        tags[key] = value
    return tags
