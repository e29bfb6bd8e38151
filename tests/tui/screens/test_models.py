from __future__ import annotations

import pytest
from azuraforge_tui.screens.models import ModelsScreen
from azuraforge_tui.screens.run import RunScreen

from azuraforge.schema.records import ModelVersion

pytestmark = pytest.mark.anyio
each_size = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


def version(number, **changes):
    return ModelVersion(**{
        "name": "digits", "version": number, "run": f"run-{number}", "plugin": "images",
        "config": {}, "weights": "5f", "monitor": "accuracy", "mode": "max",
        "validation": {"loss": 0.1, "accuracy": 0.98}, "test": {"loss": 0.07, "accuracy": 0.9806},
        "created_at": 1_699_999_000.0, **changes,
    })  # fmt: skip


@each_size
async def test_versions_are_listed_with_aliases_and_metrics(app, service, shows, lines, size):
    service.registered = [version(2, aliases=["champion"]), version(1)]
    async with app.run_test(size=size) as pilot:
        app.push_screen(ModelsScreen())
        await shows(pilot, "1 model · 2 versions")

        two, one = (line for line in lines() if "digits" in line)

    assert "★ champion" in two
    assert "accuracy 0.9806, loss 0.07" in two
    assert "champion" not in one


async def test_enter_opens_the_run_that_made_it(app, service, shows, until):
    service.registered = [version(2), version(1)]
    async with app.run_test() as pilot:
        app.push_screen(ModelsScreen())
        await shows(pilot, "2 versions")

        await pilot.press("down", "enter")

        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await shows(pilot, "run-1")


async def test_without_models_it_says_where_they_come_from(app, service, shows):
    async with app.run_test() as pilot:
        app.push_screen(ModelsScreen())

        await shows(pilot, "No models yet")


async def test_a_service_that_is_down_is_waited_for(app, service, shows):
    service.registered = [version(1)]
    service.down = True
    async with app.run_test() as pilot:
        app.push_screen(ModelsScreen())
        await shows(pilot, "Connection lost")

        service.down = False

        await shows(pilot, "1 version")
