"""Is the service there, and does its Registry answer?"""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency
from litestar.params import SkipValidation

import azuraforge
from azuraforge.actors.handles import Handles
from azuraforge.api.problems import problems
from azuraforge.schema.records import Health


@get("/healthz", responses=problems(503, 507))
async def health(handles: NamedDependency[SkipValidation[Handles]]) -> Health:
    """`ok` once the Registry has answered; otherwise the problem that keeps it from answering."""
    await handles.registry.runs(limit=1)
    return Health(status="ok", version=azuraforge.__version__, runtime=handles.runtime)
