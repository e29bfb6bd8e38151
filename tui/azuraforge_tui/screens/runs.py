"""All runs, newest first, as they go."""

from __future__ import annotations

import asyncio

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Input, Static

from azuraforge.schema.records import ENDED, RunRecord
from azuraforge_tui.format import ago, counted, number, span, state
from azuraforge_tui.screens.area import Area
from azuraforge_tui.screens.models import ModelsScreen
from azuraforge_tui.screens.new_run import NewRunScreen
from azuraforge_tui.screens.run import RunScreen
from azuraforge_tui.stopping import ask_and_stop
from azuraforge_tui.theme import STATE_VARIABLES
from azuraforge_tui.widgets.live_table import Cells, LiveTable

HEADINGS = ("state", "run", "plugin", "model", "step", "best", "time", "started")
NARROW = ("state", "run", "plugin", "step", "best", "time")
WIDE_FROM = 100


class RunsScreen(Area):
    """The list of runs; the first screen."""

    BINDINGS = [
        Binding("n", "new", "New run"),
        Binding("s", "stop", "Stop"),
        Binding("m", "models", "Models"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("r", "refresh", "Refresh"),
        Binding("q", "app.quit", "Quit"),
        Binding("escape", "clear_filter", "All runs"),
    ]
    CSS = """
    RunsScreen #empty { display: none; height: 1fr; content-align: center middle; }
    RunsScreen.-empty #empty { display: block; }
    RunsScreen.-empty LiveTable { display: none; }
    RunsScreen #filter {
        display: none; dock: bottom; margin-bottom: 1; padding: 0 1; background: $surface;
    }
    RunsScreen.-filtering #filter { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._records: dict[str, RunRecord] | None = None  # None: not yet asked
        self._allowed: list[bool | None] = []
        self._table = LiveTable()
        self._empty = Static(id="empty")
        self._filter = Input(
            placeholder="words of a run: failed images 5f3", id="filter", compact=True
        )

    def body(self) -> ComposeResult:
        yield self._table
        yield self._empty
        yield self._filter

    def on_mount(self) -> None:
        super().on_mount()
        self._show()
        self._table.focus()
        self.watch(self.app, "theme", self._show, init=False)

    def on_screen_resume(self) -> None:
        self._poll()

    def on_screen_suspend(self) -> None:
        self.workers.cancel_group(self, "runs")

    @work(exclusive=True, group="runs")
    async def _poll(self) -> None:
        while True:
            records = await self.answer(self.forge.service.runs)
            self._records = {record.id: record for record in records}
            self._show()
            await asyncio.sleep(self.forge.poll_s)

    @on(Resize)
    def _show(self) -> None:
        records = self._records or {}
        rows = {id: self._cells(record) for id, record in records.items()}
        words = self._filter.value.lower().split()
        found = {
            id: cells
            for id, cells in rows.items()
            if all(word in " ".join(cell.plain for cell in cells).lower() for word in words)
        }
        headings = HEADINGS if self.app.size.width >= WIDE_FROM else NARROW
        shown = [HEADINGS.index(heading) for heading in headings]
        self._table.show(
            headings, {id: tuple(cells[i] for i in shown) for id, cells in found.items()}
        )
        self.set_class(not found, "-empty")
        if not found:
            self._empty.update(self._why_empty())
        self._summarise(list(records.values()), len(found) if words else None)
        self._refresh_keys()

    def _cells(self, record: RunRecord) -> Cells:
        colour = self.app.theme_variables[STATE_VARIABLES[record.state]]
        started = record.started_at or record.created_at
        now = self.forge.clock()
        took = (record.ended_at or now) - started if record.started_at else None
        steps = f"{record.step:,}/{record.steps:,}" if record.steps else "–"
        name = record.monitor or "loss"
        best = f"{name} {number(record.metrics[name])}" if name in record.metrics else "–"
        return (
            Text(state(record.state), style=colour),
            Text(record.id),
            Text(record.spec.plugin),
            Text(record.model or record.spec.model or "–"),
            Text(steps, justify="right"),
            Text(best),
            Text(span(took) if took is not None else "–", justify="right"),
            Text(ago(now - started)),
        )

    def _why_empty(self) -> Content:
        if self._records is None:
            return Content("Asking the service for its runs …")
        if self._records:
            return Content("No run has these words.  Escape shows all of them.")
        return Content.assemble(
            "No runs yet.\n\nPress ", ("n", "bold $primary"), " to start one, or in a shell:\n\n",
            ("azuraforge train images", "bold"),
        )  # fmt: skip

    def _summarise(self, records: list[RunRecord], found: int | None) -> None:
        if self._records is None:
            self.title_line(f"AzuraForge  {self.forge.url}")
            return
        running = sum(record.state == "running" for record in records)
        counts = f"{running} running · {counted(len(records), 'run')}"
        if found is not None:
            counts = f"{found} of {counted(len(records), 'run')}"
        self.title_line(f"AzuraForge  {self.forge.url}", counts)

    @property
    def _chosen(self) -> RunRecord | None:
        key = self._table.key_at_cursor
        return (self._records or {}).get(key or "")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out stopping what has ended, hide leaving a filter where there is none."""
        if action == "clear_filter":
            return self.has_class("-filtering")
        if action == "stop" and self.is_mounted:
            return None if self._chosen is None or self._chosen.state in ENDED else True
        return True

    @on(DataTable.RowHighlighted)
    def _refresh_keys(self) -> None:
        """Draw the footer anew if other keys work now: it is composed anew, so not for nothing."""
        allowed = [self.check_action(action, ()) for action in ("stop", "clear_filter")]
        if allowed != self._allowed:
            self._allowed = allowed
            self.refresh_bindings()

    @on(DataTable.RowSelected)
    def _open(self) -> None:
        if self._chosen is not None:
            self.app.push_screen(RunScreen(self._chosen.id))

    def action_new(self) -> None:
        self.app.push_screen(NewRunScreen())

    def action_models(self) -> None:
        self.app.push_screen(ModelsScreen())

    def action_refresh(self) -> None:
        self._poll()

    @work(exclusive=True, group="stop")
    async def action_stop(self) -> None:
        if self._chosen is not None:
            await ask_and_stop(self, self._chosen)
            self._poll()

    def action_filter(self) -> None:
        self.add_class("-filtering")
        self._refresh_keys()
        self._filter.focus()

    def action_clear_filter(self) -> None:
        self._filter.value = ""
        self.remove_class("-filtering")
        self._refresh_keys()
        self._table.focus()

    @on(Input.Changed, "#filter")
    def _filter_changed(self) -> None:
        self._show()

    @on(Input.Submitted, "#filter")
    def _leave_filter(self) -> None:
        self._table.focus()
