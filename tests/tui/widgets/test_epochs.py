from __future__ import annotations

import pytest
from azuraforge_tui.state import RunView, fold
from azuraforge_tui.widgets.epochs import ROWS, EpochTable
from textual.app import App

from azuraforge.schema.events import EpochFinished, JournalEntry

pytestmark = pytest.mark.anyio


class Shown(App[None]):
    def compose(self):
        yield EpochTable()

    def get_theme_variable_defaults(self):
        return {"rule": "#333333", "quiet": "#888888"}


def view_of(count, best=1):
    return fold(
        RunView(run="r"),
        [
            JournalEntry(
                run="r", seq=n,
                event=EpochFinished(
                    epoch=n, step=n, train={"loss": 1 / n}, validation={"loss": 2 / n},
                    is_best=n <= best,
                ),
            )
            for n in range(1, count + 1)
        ],
    )  # fmt: skip


def rows(table):
    return [[cell.plain for cell in table.get_row(key)] for key in table.rows]


async def test_an_epoch_is_a_row_and_the_best_has_a_star():
    async with Shown().run_test() as pilot:
        epochs = pilot.app.query_one(EpochTable)

        epochs.show(view_of(2, best=1))
        assert rows(epochs.table) == [["★ 1", "2", "1"], ["2", "1", "0.5"]]

        epochs.show(view_of(4, best=4))
        assert [row[0] for row in rows(epochs.table)] == ["1", "2", "3", "★ 4"]


async def test_the_newest_row_is_followed_until_the_cursor_is_moved_up():
    async with Shown().run_test(size=(60, 10)) as pilot:
        epochs = pilot.app.query_one(EpochTable)
        epochs.table.focus()

        epochs.show(view_of(30))
        assert epochs.table.cursor_row == 29

        await pilot.press("up", "up")
        epochs.show(view_of(40))
        assert epochs.table.cursor_row == 27


async def test_of_many_epochs_the_latest_are_shown_and_the_title_says_so():
    async with Shown().run_test() as pilot:
        epochs = pilot.app.query_one(EpochTable)

        epochs.show(view_of(ROWS + 200))
        epochs.show(view_of(ROWS + 300))

        assert [row[0] for row in rows(epochs.table)] == [str(n) for n in range(301, ROWS + 301)]
        assert epochs.border_title == f"the latest {ROWS} of {ROWS + 300} epochs"
