"""A table that is shown anew without losing the cursor or drawing what did not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.binding import Binding
from textual.widgets import DataTable

Cells = tuple[Text, ...]


class LiveTable(DataTable[Text]):
    """Rows by key, in a given order."""

    BINDINGS = [Binding("enter", "select_cursor", "Open")]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row", zebra_stripes=False)
        self._headings: tuple[str, ...] = ()
        self._shown: dict[str, Cells] = {}

    @property
    def key_at_cursor(self) -> str | None:
        """The key of the row under the cursor."""
        keys = list(self._shown)
        return keys[self.cursor_row] if self.cursor_row < len(keys) else None

    def show(self, headings: Sequence[str], rows: Mapping[str, Cells]) -> None:
        """Make these the columns and the rows."""
        if tuple(headings) != self._headings or list(rows) != list(self._shown):
            self._rebuild(tuple(headings), rows)
        else:
            self._update(rows)
        self._shown = dict(rows)

    def _update(self, rows: Mapping[str, Cells]) -> None:
        for key, cells in rows.items():
            for column, cell, before in zip(self._headings, cells, self._shown[key], strict=True):
                if cell != before or cell.style != before.style:
                    self.update_cell(key, column, cell, update_width=True)

    def _rebuild(self, headings: tuple[str, ...], rows: Mapping[str, Cells]) -> None:
        key, top = self.key_at_cursor, self.scroll_y
        self.clear(columns=headings != self._headings)
        if headings != self._headings:
            first = next(iter(rows.values()), (Text(),) * len(headings))
            for heading, cell in zip(headings, first, strict=True):
                self.add_column(Text(heading, justify=cell.justify), key=heading)
        self._headings = headings
        for each, cells in rows.items():
            self.add_row(*cells, key=each)
        if key is not None and key in rows:
            self.move_cursor(row=list(rows).index(key), scroll=False)
            self.scroll_to(y=top, animate=False)
