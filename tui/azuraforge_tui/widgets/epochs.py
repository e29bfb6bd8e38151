"""The table of epochs of a run, the newest in sight."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import DataTable

from azuraforge.schema.events import EpochFinished
from azuraforge_tui.format import number
from azuraforge_tui.state import RunView

ROWS = 500  # a DataTable takes 0.3 s for 500 rows and 2.2 s for 5,000


class EpochTable(Vertical):
    """Grows with the run and follows its end, unless the cursor has been moved up."""

    DEFAULT_CSS = """
    EpochTable { border-top: solid $rule; border-title-color: $quiet; }
    EpochTable DataTable { height: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown = 0  # epochs, those above the first row included
        self._best: EpochFinished | None = None
        self.border_title = "epochs"
        self.table = DataTable[Text](cursor_type="row")

    def compose(self) -> ComposeResult:
        yield self.table

    def show(self, view: RunView) -> None:
        """Show the latest epochs of this run, with a star at the best."""
        table = self.table
        epochs = view.epochs
        new = epochs[max(self._shown, len(epochs) - ROWS) :]
        if not new:
            return
        follows = table.cursor_row >= table.row_count - 1
        columns = _columns(new[0], view.metrics)
        if not table.columns:
            for name in ("epoch", *columns):  # widths are given, or a value is cut off at first
                width = 7 if name == "epoch" else max(len(name), len("-0.001234"))
                table.add_column(Text(name, justify="right"), key=name, width=width)
        for epoch in new:
            table.add_row(_numbered(epoch), *_cells(epoch, columns), key=str(epoch.epoch))
        for key in list(table.rows)[: max(0, table.row_count - ROWS)]:
            table.remove_row(key)
        self._shown = len(epochs)
        self._star(table, view.best)
        if follows:
            table.move_cursor(row=table.row_count - 1)
        if len(epochs) > ROWS:
            self.border_title = f"the latest {ROWS} of {len(epochs):,} epochs"

    def _star(self, table: DataTable[Text], best: EpochFinished | None) -> None:
        before, self._best = self._best, best
        for epoch, mark in ((before, ""), (best, "★ ")):
            if epoch is not None and str(epoch.epoch) in table.rows:
                table.update_cell(str(epoch.epoch), "epoch", _numbered(epoch, mark))


def _columns(epoch: EpochFinished, metrics: list[str]) -> list[str]:
    """What decides comes first: on a narrow screen the last ones are out of sight."""
    names = [*metrics[1:], *metrics[:1]]
    validation = [f"val {name}" for name in names if name in epoch.validation]
    return [*validation, *(f"train {name}" for name in names if name in epoch.train)]


def _cells(epoch: EpochFinished, columns: list[str]) -> list[Text]:
    values = {f"train {name}": value for name, value in epoch.train.items()}
    values |= {f"val {name}": value for name, value in epoch.validation.items()}
    return [
        Text(number(values[name]) if name in values else "–", justify="right") for name in columns
    ]


def _numbered(epoch: EpochFinished, mark: str = "") -> Text:
    return Text(f"{mark}{epoch.epoch}", justify="right")
