"""Commands to a run that is on, from its screen; each called from within a worker."""

from __future__ import annotations

from msgspec import structs

from azuraforge.errors import AzuraForgeError
from azuraforge.schema.commands import Command
from azuraforge.schema.records import RunRecord
from azuraforge_tui.screens.area import Area
from azuraforge_tui.screens.setting import SettingScreen
from azuraforge_tui.stopping import REASON


async def give(area: Area, run: RunRecord | None, command: Command) -> None:
    """Ask this of the run; what the service refuses is told."""
    if run is None:
        return
    try:
        await area.forge.service.command(run.id, structs.replace(command, reason=REASON))
        area.notify(f"Run {run.id}: {command.name} is asked for.")
    except AzuraForgeError as error:
        area.notify(str(error), severity="warning", markup=False)


async def ask_and_set(area: Area, run: RunRecord | None) -> None:
    """Let the user give a live setting another value."""
    if run is None:
        return
    plugins = await area.answer(area.forge.service.plugins)
    fields = next((one.fields for one in plugins if one.name == run.spec.plugin), [])
    live = [field for field in fields if field.live]
    typed = await area.app.push_screen_wait(SettingScreen(live))
    if typed is not None:
        path, _, value = (part.strip() for part in typed.partition("="))
        await give(area, run, Command(name="set", path=path, value=value))
