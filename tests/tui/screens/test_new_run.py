from __future__ import annotations

import shlex
from typing import Annotated, Literal

import pytest
from azuraforge_tui.screens.new_run import NewRunScreen
from azuraforge_tui.screens.run import RunScreen
from azuraforge_tui.widgets.form_row import FormRow
from msgspec import Meta, Struct
from textual.widgets import Input, OptionList, Select, Switch

from azuraforge.errors import ConfigError, DeviceError, FieldProblem
from azuraforge.schema.config import PluginConfig, fields_of
from azuraforge.schema.records import PluginInfo

pytestmark = pytest.mark.anyio
each_size = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])


class DataConfig(Struct, frozen=True, kw_only=True):
    name: Annotated[Literal["digits", "mnist"], Meta(description="which images")] = "digits"
    augment: bool = True
    share: float | None = None


class Images(PluginConfig, frozen=True, kw_only=True):
    data: DataConfig = DataConfig()
    note: str = ""


class CsvConfig(Struct, frozen=True, kw_only=True):
    path: Annotated[str, Meta(description="a CSV file")]


class Stock(PluginConfig, frozen=True, kw_only=True):
    data: CsvConfig


@pytest.fixture
def plugins(service):
    service.listed = [
        PluginInfo(name="broken", error="cannot be imported: no module named [pandas]"),
        PluginInfo(name="images", summary="small CNNs", fields=fields_of(Images)),
        PluginInfo(name="stock", summary="forecasts", fields=fields_of(Stock)),
    ]
    return service.listed


@each_size
async def test_plugins_are_listed_and_the_broken_one_cannot_be_chosen(app, plugins, shows, size):
    async with app.run_test(size=size) as pilot:
        app.push_screen(NewRunScreen())
        await shows(pilot, "$ azuraforge train images")
        await shows(pilot, "✗ broken")
        await shows(pilot, "[pandas]")

        options = app.screen.query_one(OptionList)
        assert [option.disabled for option in options.options] == [False, False, True]
        await pilot.press("down", "down", "down", "enter")
        await shows(pilot, "$ azuraforge train ")

        assert options.get_option_at_index(options.highlighted).id != "broken"


@each_size
async def test_the_form_has_a_control_of_the_kind_of_each_field(app, plugins, shows, size):
    async with app.run_test(size=size) as pilot:
        app.push_screen(NewRunScreen())
        await shows(pilot, "azuraforge train images")

        controls = {
            row.field.path: type(row.query("Input, Select, Switch").first())
            for row in app.screen.query(FormRow)
        }
        groups = [str(group.render()) for group in app.screen.query(".group")]

    assert controls == {
        "optim.name": Select, "optim.lr": Input, "optim.momentum": Input,
        "optim.weight_decay": Input, "schedule.name": Select, "schedule.warmup_steps": Input,
        "schedule.min_factor": Input, "schedule.gamma": Input, "schedule.step_size": Input,
        "schedule.patience": Input, "training.epochs": Input, "training.batch_size": Input,
        "training.accumulate": Input, "training.clip_norm": Input, "training.ema": Input,
        "training.patience": Input, "training.min_delta": Input, "training.on_nan": Select,
        "training.validate_every": Input, "training.statistics_every": Input,
        "data.name": Select, "data.augment": Switch, "data.share": Input, "note": Input,
        "--seed": Input, "--device": Select,
    }  # fmt: skip
    assert groups == ["optim", "schedule", "training", "data", "general", "run"]


async def test_the_command_holds_what_was_changed_and_the_run_gets_it(
    app, plugins, service, shows, until
):
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(NewRunScreen())
        await shows(pilot, "azuraforge train images")

        await type_into(app, pilot, "optim.lr", "0.01")
        await type_into(app, pilot, "note", "it's mine")
        await type_into(app, pilot, "--seed", "7")
        row(app, "data.augment").query_one(Switch).toggle()
        row(app, "data.name").query_one(Select).value = "mnist"

        await shows(pilot, "5 changes · 0 problems")
        line = command_shown(app)
        assert shlex.split(line) == [
            "azuraforge", "train", "images", "--set", "optim.lr=0.01", "--set", "data.name=mnist",
            "--set", "data.augment=false", "--set", "note=it's mine", "--seed", "7",
        ]  # fmt: skip
        await pilot.press("ctrl+y")
        assert app.clipboard == line
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))

    (spec,) = service.started
    assert (spec.plugin, spec.seed, spec.device) == ("images", 7, "cpu")
    assert spec.config == {
        "optim.lr": 0.01, "data.name": "mnist", "data.augment": False, "note": "it's mine",
    }  # fmt: skip


@each_size
async def test_a_problem_is_told_under_its_field_once_the_field_is_left(
    app, plugins, shows, hides, lines, size
):
    async with app.run_test(size=size) as pilot:
        app.push_screen(NewRunScreen())
        await shows(pilot, "azuraforge train images")

        await type_into(app, pilot, "optim.lr", "fast")
        await shows(pilot, "✗ 1 problem")
        assert "✗ allowed" not in "\n".join(lines()), "not while typing"
        await pilot.press("tab")
        await shows(pilot, "✗ allowed: a number > 0")
        under = next(i for i, line in enumerate(lines()) if "✗ allowed" in line)
        assert "lr" in lines()[under - 1]

        await type_into(app, pilot, "optim.lr", "0.1")
        await hides(pilot, "✗ allowed")
        await shows(pilot, "--set optim.lr=0.1")


async def test_starting_with_problems_shows_them_and_starts_nothing(app, plugins, service, shows):
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(NewRunScreen())
        await shows(pilot, "azuraforge train images")
        await pilot.press("down", "enter")
        await shows(pilot, "azuraforge train stock")

        await pilot.press("ctrl+s")

        await shows(pilot, "✗ required: a text")
        assert app.focused is row(app, "data.path").query_one(Input)
        assert service.started == []


async def test_what_the_service_objects_to_is_told_under_the_field(app, plugins, service, shows):
    problem = FieldProblem("optim.lr", 900.0, "allowed: a number > 0 and <= 100")
    service.refuses = ConfigError(str(problem), (problem,))
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(NewRunScreen())
        await shows(pilot, "azuraforge train images")

        await type_into(app, pilot, "optim.lr", "900")
        await pilot.press("ctrl+s")

        await shows(pilot, "  ✗ allowed: a number > 0 and <= 100")
        await shows(pilot, "optim.lr: got 900.0")
        assert app.focused is row(app, "optim.lr").query_one(Input)
        service.refuses = None
        await type_into(app, pilot, "optim.lr", "9")
        await pilot.press("ctrl+s")
        await shows(pilot, "run-1")


async def test_what_the_service_cannot_do_is_told(app, plugins, service, shows):
    service.refuses = DeviceError("gpu asked for, but CuPy finds no device")
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(NewRunScreen())
        await shows(pilot, "azuraforge train images")

        await pilot.press("ctrl+s")

        await shows(pilot, "✗ gpu asked for, but CuPy finds no device")


async def test_pressing_start_twice_starts_one_run(app, plugins, service, shows, until):
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(NewRunScreen())
        await shows(pilot, "azuraforge train images")

        app.screen.action_start()
        app.screen.action_start()
        await until(pilot, lambda: isinstance(app.screen, RunScreen))

    assert len(service.started) == 1


async def test_what_was_typed_is_kept_while_another_plugin_is_looked_at(app, plugins, shows):
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(NewRunScreen())
        await shows(pilot, "azuraforge train images")
        await type_into(app, pilot, "optim.lr", "0.5")
        await shows(pilot, "--set optim.lr=0.5")
        options = app.screen.query_one(OptionList)

        options.focus()
        await pilot.press("down", "enter")
        await shows(pilot, "azuraforge train stock")
        options.focus()
        await pilot.press("up", "enter")

        await shows(pilot, "azuraforge train images --set optim.lr=0.5")
        assert row(app, "optim.lr").query_one(Input).value == "0.5"


async def test_without_a_usable_plugin_it_says_so(app, plugins, service, shows):
    del service.listed[1:]
    async with app.run_test() as pilot:
        app.push_screen(NewRunScreen())

        await shows(pilot, "No plugin can be used")
        await pilot.press("ctrl+s", "ctrl+y")
        await shows(pilot, "✗ broken")


async def test_a_service_that_is_down_is_waited_for(app, plugins, service, shows):
    service.down = True
    async with app.run_test() as pilot:
        app.push_screen(NewRunScreen())
        await shows(pilot, "Connection lost")

        service.down = False

        await shows(pilot, "azuraforge train images")


def row(app, path):
    return next(each for each in app.screen.query(FormRow) if each.field.path == path)


async def type_into(app, pilot, path, text):
    control = row(app, path).query_one(Input)
    control.focus()
    control.value = ""
    await pilot.press(*text)


def command_shown(app):
    return str(app.screen.query_one("#command").render()).removeprefix("$ ")
