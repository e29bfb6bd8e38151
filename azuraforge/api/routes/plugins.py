"""Which plugins are installed, and what their configs look like."""

from __future__ import annotations

import difflib

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, SkipValidation

from azuraforge.actors.handles import Handles
from azuraforge.api.problems import problems
from azuraforge.errors import NotFoundError
from azuraforge.schema.records import PluginInfo


@get("/v1/plugins", responses=problems(503))
async def list_plugins(handles: NamedDependency[SkipValidation[Handles]]) -> list[PluginInfo]:
    """The installed plugins; one that cannot be imported is listed with its error."""
    return await handles.plugins()


@get("/v1/plugins/{name:str}", responses=problems(400, 404, 503))
async def show_plugin(
    handles: NamedDependency[SkipValidation[Handles]], name: FromPath[str]
) -> PluginInfo:
    """A plugin: its config's fields with defaults and hints, in order, and its JSON Schema."""
    plugins = {plugin.name: plugin for plugin in await handles.plugins()}
    if name not in plugins:
        close = difflib.get_close_matches(name, plugins, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        installed = ", ".join(sorted(plugins)) or "none"
        raise NotFoundError(f"no plugin named {name!r}; installed: {installed}{hint}")
    return plugins[name]
