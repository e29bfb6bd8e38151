"""Registered models: versions, aliases, how good they were."""

from __future__ import annotations

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Static

from azuraforge.schema.records import ModelVersion
from azuraforge_tui.format import ago, counted, number
from azuraforge_tui.screens.area import Area
from azuraforge_tui.screens.run import RunScreen
from azuraforge_tui.telling import metrics
from azuraforge_tui.widgets.live_table import Cells, LiveTable

HEADINGS = ("model", "version", "aliases", "validation", "test", "made", "run", "plugin")
NARROW = ("model", "version", "aliases", "validation", "test")
WIDE_FROM = 100


class ModelsScreen(Area):
    """Every version of every model, newest first."""

    BINDINGS = [
        Binding("r", "refresh", "Refresh"),
        Binding("escape", "app.pop_screen", "Back"),
        Binding("q", "app.quit", "Quit"),
    ]
    CSS = """
    ModelsScreen #empty { display: none; height: 1fr; content-align: center middle; }
    ModelsScreen.-empty #empty { display: block; }
    ModelsScreen.-empty LiveTable { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._models: dict[str, ModelVersion] = {}
        self._table = LiveTable()
        self._empty = Static("Asking the service for its models …", id="empty")

    def body(self) -> ComposeResult:
        yield self._table
        yield self._empty

    def on_mount(self) -> None:
        super().on_mount()
        self.add_class("-empty")
        self.title_line("Models")
        self._table.focus()
        self.action_refresh()

    @work(exclusive=True, group="models")
    async def action_refresh(self) -> None:
        models = await self.answer(self.forge.service.models)
        self._models = {f"{model.name}@{model.version}": model for model in models}
        self._empty.update(Content("No models yet.  A run that finishes registers its best one."))
        self._show()

    @on(Resize)
    def _show(self) -> None:
        headings = HEADINGS if self.app.size.width >= WIDE_FROM else NARROW
        shown = [HEADINGS.index(heading) for heading in headings]
        rows = {key: self._cells(model) for key, model in self._models.items()}
        self._table.show(
            headings, {key: tuple(cells[i] for i in shown) for key, cells in rows.items()}
        )
        self.set_class(not rows, "-empty")
        names = {model.name for model in self._models.values()}
        self.title_line(
            "Models", f"{counted(len(names), 'model')} · {counted(len(rows), 'version')}"
        )

    def _cells(self, model: ModelVersion) -> Cells:
        accent = self.app.theme_variables["state-finished"]
        return (
            Text(model.name, style="bold"),
            Text(str(model.version), justify="right"),
            Text(" ".join(f"★ {alias}" for alias in model.aliases), style=accent),
            Text(f"{model.monitor} {number(model.validation[model.monitor])}"),
            Text(metrics(model.test, model.monitor)),
            Text(ago(self.forge.clock() - model.created_at)),
            Text(model.run),
            Text(model.plugin),
        )

    @on(DataTable.RowSelected)
    def _open(self) -> None:
        key = self._table.key_at_cursor
        if key is not None:
            self.app.push_screen(RunScreen(self._models[key].run))
