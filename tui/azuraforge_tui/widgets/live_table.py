"""A table that is shown anew without losing the cursor or drawing what did not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.binding import Binding
from textual.widgets import DataTable

Cells = tuple[Text, ...]


class LiveTable(DataTable[Text]):
    """Rows by key, in a given order.

    Columns get their widths from here: DataTable measures them when idle, and under load keeps a
    cell that it painted before that, cut off at the old width.
    """

    BINDINGS = [Binding("enter", "select_cursor", "Open")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row")
        self._layout_shown: tuple[tuple[str, int], ...] = ()
        self._rows_shown: dict[str, Cells] = {}

    @property
    def key_at_cursor(self) -> str | None:
        """The key of the row under the cursor."""
        keys = list(self._rows_shown)
        return keys[self.cursor_row] if self.cursor_row < len(keys) else None

    def show(self, headings: Sequence[str], rows: Mapping[str, Cells]) -> None:
        """Make these the columns and the rows."""
        columns = [headings, *([cell.plain for cell in cells] for cells in rows.values())]
        widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
        layout = tuple(zip(headings, widths, strict=True))
        if layout != self._layout_shown or list(rows) != list(self._rows_shown):
            self._rebuild(layout, rows)
        else:
            self._update(rows)
        self._layout_shown, self._rows_shown = layout, dict(rows)

    def _update(self, rows: Mapping[str, Cells]) -> None:
        for key, cells in rows.items():
            changes = zip(self._layout_shown, cells, self._rows_shown[key], strict=True)
            for (heading, _), cell, before in changes:
                if cell != before or cell.style != before.style:
                    self.update_cell(key, heading, cell)

    def _rebuild(self, layout: tuple[tuple[str, int], ...], rows: Mapping[str, Cells]) -> None:
        key, top = self.key_at_cursor, self.scroll_y
        self.clear(columns=True)
        first = next(iter(rows.values()), (Text(),) * len(layout))
        for (heading, width), cell in zip(layout, first, strict=True):
            self.add_column(Text(heading, justify=cell.justify), key=heading, width=width)
        for each, cells in rows.items():
            self.add_row(*cells, key=each)
        if key is not None and key in rows:
            self.move_cursor(row=list(rows).index(key), scroll=False)
            self.scroll_to(y=top, animate=False)
