from __future__ import annotations

import pytest
from azuraforge_tui.widgets.live_table import LiveTable

from azuraforge.schema.records import RunRecord
from azuraforge.schema.specs import RunSpec

pytestmark = pytest.mark.anyio
each_size = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


def record(id, state="finished", *, age_s=100.0, **fields):
    created = 1_700_000_000.0 - age_s
    given = {"plugin": "images", "step": 40, "steps": 100, **fields}
    return RunRecord(
        id=id, spec=RunSpec(plugin=given.pop("plugin")), state=state, created_at=created,
        started_at=None if state == "queued" else created,
        ended_at=None if state in ("queued", "running") else created + 30,
        **given,
    )  # fmt: skip


@pytest.fixture
def runs(service):
    """Three runs in three states, newest first."""
    for each in (
        record("run-new", "running", age_s=10, monitor="accuracy", metrics={"accuracy": 0.9813}),
        record("run-mid", "failed", age_s=200, plugin="stock"),
        record("run-old", "finished", age_s=7300),
    ):
        service.records[each.id] = each
    return service.records


@each_size
async def test_a_run_is_a_row_with_state_progress_and_best_metric(app, runs, shows, lines, size):
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "run-old")
        new, mid, old = (line for line in lines() if "run-" in line)

    assert all(word in new for word in ("● running", "run-new", "images", "40/100", "10 s"))
    assert "accuracy 0.9813" in new
    assert all(word in mid for word in ("✗ failed", "run-mid", "stock", "30 s"))
    assert "✓ finished" in old


@each_size
async def test_without_runs_it_says_how_to_start_one(app, service, shows, size):
    async with app.run_test(size=size) as pilot:
        await shows(pilot, "azuraforge train images")

        service.records["run-1"] = record("run-1")
        await shows(pilot, "run-1")


async def test_a_new_run_comes_on_top_and_the_cursor_stays_on_its_run(app, runs, shows, service):
    async with app.run_test() as pilot:
        await shows(pilot, "run-old")
        await pilot.press("down", "down")

        service.records["run-fresh"] = record("run-fresh", "queued", age_s=1)
        await shows(pilot, "run-fresh")

        table = app.screen.query_one(LiveTable)
        assert (table.key_at_cursor, table.cursor_row) == ("run-old", 3)


async def test_a_change_is_written_into_its_row(app, runs, shows, service):
    async with app.run_test() as pilot:
        await shows(pilot, "● running")

        service.set("run-new", state="finished", step=100)

        await shows(pilot, "100/100")
        await shows(pilot, "3 runs")


async def test_the_filter_wants_every_word(app, runs, shows, hides):
    async with app.run_test() as pilot:
        await shows(pilot, "run-old")

        await pilot.press("slash", *"images fin")

        await hides(pilot, "run-new")
        await hides(pilot, "run-mid")
        await shows(pilot, "1 of 3 runs")
        await pilot.press("escape")
        await shows(pilot, "run-mid")


async def test_a_filter_that_finds_nothing_says_so(app, runs, shows):
    async with app.run_test() as pilot:
        await shows(pilot, "run-old")

        await pilot.press("slash", *"nowhere")

        await shows(pilot, "No run has these words")


async def test_stopping_asks_first(app, runs, shows, until, service):
    async with app.run_test() as pilot:
        await shows(pilot, "run-old")

        await pilot.press("s")
        await shows(pilot, "Stop run run-new?")
        await pilot.press("y")
        await until(pilot, lambda: service.stopped)

    assert [run for run, _ in service.stopped] == ["run-new"]


@pytest.mark.parametrize("key", ["n", "escape", "enter"])
async def test_stopping_can_be_declined(app, runs, shows, hides, service, key):
    async with app.run_test() as pilot:
        await shows(pilot, "run-old")

        await pilot.press("s")
        await shows(pilot, "Stop run run-new?")
        await pilot.press(key)
        await hides(pilot, "Stop run run-new?")

    assert service.stopped == []


async def test_what_has_ended_cannot_be_stopped(app, runs, shows, service):
    async with app.run_test() as pilot:
        await shows(pilot, "run-old")

        await pilot.press("down", "s")
        await pilot.pause()

        assert len(app.screen_stack) == 2, "no question was asked"


async def test_a_run_that_ends_before_the_answer_is_told(app, runs, shows, service):
    async with app.run_test(notifications=True) as pilot:
        await shows(pilot, "run-old")
        await pilot.press("s")
        await shows(pilot, "Stop run run-new?")

        service.set("run-new", state="finished")
        await pilot.press("y")

        await shows(pilot, "run run-new has ended")


async def test_a_lost_connection_is_told_and_found_again(app, runs, shows, hides, service):
    async with app.run_test() as pilot:
        await shows(pilot, "run-old")

        await service.cut()
        await shows(pilot, "Connection lost")
        await shows(pilot, "run-old")
        service.down = False
        service.records["run-fresh"] = record("run-fresh", "queued", age_s=1)

        await hides(pilot, "Connection lost")
        await shows(pilot, "run-fresh")


async def test_a_service_that_is_down_from_the_start_is_waited_for(app, runs, shows, service):
    service.down = True
    async with app.run_test() as pilot:
        await shows(pilot, "Connection lost")

        service.down = False

        await shows(pilot, "run-old")


async def test_help_lists_the_keys_and_the_states(app, runs, shows, hides):
    async with app.run_test() as pilot:
        await shows(pilot, "run-old")

        await pilot.press("question_mark")

        for text in ("New run", "Filter", "Dark or light", "■ stopped"):
            await shows(pilot, text)
        await pilot.press("escape")
        await hides(pilot, "Dark or light")


async def test_names_with_markup_are_shown_as_they_are(app, shows, service):
    service.records["run-1"] = record("run-1", plugin="[red]x[/]", model="[b]")
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(pilot, "[red]x[/]")
        await shows(pilot, "[b]")
