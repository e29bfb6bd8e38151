"""The application: one service, its connection watched, screens on top of the list of runs."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable

from textual.app import App
from textual.binding import Binding
from textual.reactive import reactive

from azuraforge.client.http import Client
from azuraforge.errors import AzuraForgeError
from azuraforge_tui.screens.help import HelpScreen
from azuraforge_tui.screens.runs import RunsScreen
from azuraforge_tui.service import Service
from azuraforge_tui.state import RunView
from azuraforge_tui.theme import DARK, LIGHT
from azuraforge_tui.widgets.raster import ASCII, BLOCKS, BRAILLE, Glyphs

POLL_S = 1.0
SILENCE_S = 5.0
FRAME_S = 0.1
FRAME_OVER_SSH_S = 0.25


def run(url: str) -> int:
    """Show the service at `url` until the user leaves; the exit status."""
    return asyncio.run(_run(url))


async def _run(url: str) -> int:
    frame_s = FRAME_OVER_SSH_S if "SSH_CONNECTION" in os.environ else FRAME_S
    glyphs = glyphs_for(sys.stdout.encoding, os.environ.get("TERM", ""))
    async with Client(url) as service:
        app = AzuraForgeApp(service, url, frame_s=frame_s, glyphs=glyphs)
        await app.run_async()
    return app.return_code or 0


def glyphs_for(encoding: str, term: str) -> Glyphs:
    """The finest characters a terminal can be expected to have: its font cannot be asked."""
    if encoding.lower().replace("-", "") != "utf8":
        return ASCII
    return BLOCKS if term == "linux" else BRAILLE  # the console's font has no braille


class AzuraForgeApp(App[None]):
    """The screens over one service.

    `lost` says why the service does not answer, and is empty while it does: one worker asks for
    its health, and every screen that fails to reach it says so here and waits for `connected`.
    """

    TITLE = "AzuraForge"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
    BINDINGS = [
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("f2", "switch_theme", "Dark or light", show=False),
    ]
    CSS = """
    * { scrollbar-size-vertical: 1; }
    ToastRack { margin-bottom: 1; }
    Footer { background: $footer-background; }
    DataTable { background: $background; height: 1fr; }
    DataTable:focus { background-tint: $foreground 0%; }
    DataTable > .datatable--header { background: $background; color: $quiet; text-style: none; }
    DataTable > .datatable--header-hover { background: $background; color: $quiet; }
    """

    lost: reactive[str] = reactive("")

    def __init__(
        self,
        service: Service,
        url: str,
        *,
        clock: Callable[[], float] = time.time,
        frame_s: float = FRAME_S,
        poll_s: float = POLL_S,
        glyphs: Glyphs = BRAILLE,
    ) -> None:
        super().__init__()
        self.service = service
        self.url = url
        self.clock = clock
        self.frame_s = frame_s
        self.poll_s = poll_s
        self.glyphs = glyphs
        self.views: dict[str, RunView] = {}  # of runs looked at: reopened, they go on from there
        self.connected = asyncio.Event()
        self.connected.set()
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = DARK.name

    def on_mount(self) -> None:
        self.push_screen(RunsScreen())
        self.run_worker(self._watch_connection(), group="connection", exclusive=True)

    def watch_lost(self, lost: str) -> None:
        self.connected.clear() if lost else self.connected.set()

    async def _watch_connection(self) -> None:
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    await self.service.health()
                self.lost = ""
            except TimeoutError:
                self.lost = f"{self.url} accepts the question and does not answer"
            except AzuraForgeError as error:
                self.lost = str(error)
            await asyncio.sleep(self.poll_s)

    def action_switch_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def action_help(self) -> None:
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.screen))
