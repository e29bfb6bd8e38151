"""Stopping a run, asked first: shared by the list of runs and the screen of one."""

from __future__ import annotations

from azuraforge.errors import AzuraForgeError
from azuraforge.schema.records import RunRecord
from azuraforge_tui.screens.area import Area
from azuraforge_tui.screens.confirm import ConfirmScreen

REASON = "asked for on the terminal screen"


async def ask_and_stop(area: Area, run: RunRecord) -> None:
    """Stop the run if the user says so; from within a worker."""
    wanted = await area.app.push_screen_wait(
        ConfirmScreen(
            f"Stop run {run.id}?",
            f"It ends after the step it is at ({run.step:,} of {run.steps:,}) "
            "and keeps its last checkpoint.",
            "stop it",
            "let it run",
        )
    )
    if not wanted:
        return
    try:
        await area.forge.service.stop(run.id, REASON)
        area.notify(f"Run {run.id} ends after its present step.")
    except AzuraForgeError as error:
        area.notify(str(error), severity="warning", markup=False)
