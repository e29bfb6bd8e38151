from __future__ import annotations

import pytest
from azuraforge_tui.widgets.live_table import LiveTable
from rich.text import Text
from textual.app import App

pytestmark = pytest.mark.anyio


class Shown(App[None]):
    def compose(self):
        yield LiveTable()


def rows(**texts):
    return {key: (Text(key), Text(text, justify="right")) for key, text in texts.items()}


def shown(table):
    return [
        "".join(s.text for s in table.render_line(y)).split() for y in range(table.row_count + 1)
    ]


async def test_a_longer_value_widens_its_column_at_once():
    async with Shown().run_test() as pilot:
        table = pilot.app.query_one(LiveTable)

        table.show(("key", "value"), rows(a="1", b="2"))
        assert shown(table) == [["key", "value"], ["a", "1"], ["b", "2"]]

        table.show(("key", "value"), rows(a="1,000,000", b="2"))
        assert shown(table) == [["key", "value"], ["a", "1,000,000"], ["b", "2"]]


async def test_the_cursor_stays_on_its_row_wherever_that_goes():
    async with Shown().run_test() as pilot:
        table = pilot.app.query_one(LiveTable)
        table.show(("key", "value"), rows(a="1", b="2", c="3"))
        table.move_cursor(row=1)
        assert table.key_at_cursor == "b"

        table.show(("key", "value"), rows(new="0", a="1", b="2", c="3"))
        await pilot.pause()

        assert (table.key_at_cursor, table.cursor_row) == ("b", 2)


async def test_what_did_not_change_is_not_written_again(monkeypatch):
    async with Shown().run_test() as pilot:
        table = pilot.app.query_one(LiveTable)
        table.show(("key", "value"), rows(a="1", b="2"))
        written = []
        monkeypatch.setattr(table, "update_cell", lambda *cell: written.append(cell[:2]))

        table.show(("key", "value"), rows(a="1", b="3"))

        assert written == [("b", "value")]


async def test_an_empty_table_has_no_row_under_the_cursor():
    async with Shown().run_test() as pilot:
        table = pilot.app.query_one(LiveTable)

        table.show(("key", "value"), {})

        assert table.key_at_cursor is None
