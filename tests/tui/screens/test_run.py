from __future__ import annotations

import math

import pytest
from azuraforge_tui.app import AzuraForgeApp
from azuraforge_tui.screens.run import RunScreen
from azuraforge_tui.widgets import curve

from azuraforge.errors import ConfigError
from azuraforge.schema.config import ConfigField
from azuraforge.schema.events import (
    CheckpointSaved,
    EpochFinished,
    Intervened,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    StepFinished,
    Telemetry,
)
from azuraforge.schema.records import PluginInfo, RunRecord
from azuraforge.schema.specs import RunSpec

pytestmark = pytest.mark.anyio
NARROW, WIDE = (80, 24), (120, 40)
each_size = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "120x40"])

STARTED = RunStarted(
    spec_hash="5f", model="digits", monitor="accuracy", mode="max", parameters=21_338,
    samples={"train": 1149, "validation": 288, "test": 360}, epochs=10, steps=100, threads=1,
    unit="images",
)  # fmt: skip


@pytest.fixture
def run(service):
    """A run that has been started and has told nothing yet."""
    spec = RunSpec(plugin="images", config={"optim": {"lr": 0.003}}, seed=7)
    service.records["run-1"] = RunRecord(
        id="run-1", spec=spec, state="running", created_at=1_699_999_990.0,
        started_at=1_699_999_990.0,
    )  # fmt: skip
    return "run-1"


@each_size
async def test_a_run_is_followed_as_it_goes(app, run, service, shows, size):
    async with app.run_test(size=size) as pilot:
        app.push_screen(RunScreen(run))
        await shows(pilot, "has not begun to train")
        await shows(pilot, "loss   no values yet")

        await service.tell(run, STARTED, *(step(n) for n in range(1, 11)), epoch(1, best=True))
        await service.tell(run, Telemetry(step=10, elapsed_s=2, samples_per_s=812.3, eta_s=18))

        await shows(pilot, "step 10/100 · epoch 1/10 · 812.3 images/s · ETA 18 s")
        await shows(pilot, "10%")
        await shows(pilot, f"train {step(10).loss:.4g}")
        await shows(pilot, "★ 1")
        await shows(pilot, "optim.lr" if size == WIDE else "21,338")
        await service.tell(run, *(step(n) for n in range(11, 21)), epoch(2, best=False))
        await shows(pilot, "step 20/100")
        await shows(pilot, f"train {step(20).loss:.4g}")


async def test_a_wide_screen_has_the_deciding_metric_beside_the_loss(app, run, service, shows):
    await service.tell(run, STARTED, step(1), epoch(1, best=True))
    async with app.run_test(size=WIDE) as pilot:
        app.push_screen(RunScreen(run))

        await shows(pilot, "loss   ")
        await shows(pilot, "accuracy   ")


@each_size
async def test_tab_cycles_through_the_metrics(app, run, service, shows, size):
    metrics = {"loss": 1.0, "accuracy": 0.5, "f1": 0.25}
    one = EpochFinished(epoch=1, step=10, train={}, validation=metrics, is_best=True)
    await service.tell(run, STARTED, step(1), one)
    async with app.run_test(size=size) as pilot:
        app.push_screen(RunScreen(run))
        await shows(pilot, "validation 1")

        await pilot.press(*["tab"] * (1 if size == WIDE else 2))

        await shows(pilot, "f1   ◆ validation 0.25")
        await pilot.press("tab")
        await shows(pilot, "accuracy" if size == WIDE else "loss   ")


async def test_l_makes_the_values_logarithmic_and_linear_again(app, run, service, shows, hides):
    await service.tell(run, STARTED, step(1), step(2))
    async with app.run_test(size=NARROW) as pilot:
        app.push_screen(RunScreen(run))
        await shows(pilot, "step 2/100")

        await pilot.press("l")
        await shows(pilot, "loss (log)")
        await pilot.press("l")
        await hides(pilot, "loss (log)")


async def test_g_draws_without_braille(app, run, service, shows, hides):
    await service.tell(run, STARTED, step(1), step(2))
    async with app.run_test(size=NARROW) as pilot:
        app.push_screen(RunScreen(run))
        await shows(pilot, "⣿ train")

        await pilot.press("g", "g")

        await shows(pilot, ". train")
        await hides(pilot, "⣿")


@each_size
async def test_a_finished_run_tells_its_test_metrics_and_its_model(app, run, service, shows, size):
    end = RunFinished(
        step=100, best_epoch=1, validation={}, test={"loss": 0.07, "accuracy": 0.9806}, weights="5f"
    )
    await service.tell(run, STARTED, step(100), epoch(10, best=True), end)
    service.set(run, state="finished", ended_at=1_700_000_052.0, model="digits", model_version=3)
    async with app.run_test(size=size) as pilot:
        app.push_screen(RunScreen(run))

        await shows(pilot, "✓ finished")
        await shows(pilot, "test: accuracy 0.9806, loss 0.07")
        await shows(pilot, "version 3")
        await shows(pilot, "100%")
        await shows(pilot, "took 1:02 min")


@each_size
async def test_a_failed_run_tells_its_whole_error(app, run, service, shows, size):
    error = (
        "loss became NaN at step 12, first in op log of layer [4]; "
        "a lower optim.lr (now 0.3) or gradient clipping usually helps"
    )
    await service.tell(
        run, STARTED, step(11), RunFailed(step=12, kind="NonFiniteError", error=error)
    )
    async with app.run_test(size=size) as pilot:
        app.push_screen(RunScreen(run))

        await shows(pilot, "✗ failed")
        for part in ("NonFiniteError", "layer [4]", "usually"):
            await shows(pilot, part)


async def test_a_stopped_run_tells_why_and_what_is_kept(app, run, service, shows):
    await service.tell(
        run, STARTED, step(5), CheckpointSaved(step=5, epoch=1, sha256="ab"),
        RunStopped(step=5, reason="enough", checkpoint="ab"),
    )  # fmt: skip
    async with app.run_test(size=WIDE) as pilot:
        app.push_screen(RunScreen(run))

        await shows(pilot, "■ stopped  at step 5: enough · its last checkpoint is kept")


async def test_stopping_asks_first_and_is_over_with_the_run(app, run, service, shows, until):
    await service.tell(run, STARTED, step(5))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        app.push_screen(RunScreen(run))
        await shows(pilot, "step 5/100")

        await pilot.press("s")
        await shows(pilot, "Stop run run-1?")
        await pilot.press("y")
        await until(pilot, lambda: service.stopped)
        await service.tell(run, RunStopped(step=5, reason="enough"))
        await shows(pilot, "■ stopped")
        await pilot.press("s")
        await pilot.pause()

        assert [id for id, _ in service.stopped] == [run]
        assert isinstance(app.screen, RunScreen), "what has ended is not asked about"


async def test_opened_again_it_goes_on_from_where_it_was(app, run, service, shows, until):
    await service.tell(run, STARTED, step(1), step(2))
    async with app.run_test(size=WIDE) as pilot:
        app.push_screen(RunScreen(run))
        await shows(pilot, "step 2/100")
        await pilot.press("escape")

        app.push_screen(RunScreen(run))
        await shows(pilot, "step 2/100")
        await service.tell(run, step(3))

        await shows(pilot, "step 3/100")
        assert service.followed == [(run, 0), (run, 3)]
        assert list(app.views[run].train["loss"].x) == [1, 2, 3]


async def test_a_lost_connection_is_told_and_leaves_neither_gap_nor_repeat(
    app, run, service, shows, hides
):
    await service.tell(run, STARTED, step(1), step(2))
    async with app.run_test(size=WIDE) as pilot:
        app.push_screen(RunScreen(run))
        await shows(pilot, "step 2/100")

        await service.cut()
        await shows(pilot, "Connection lost")
        await shows(pilot, "step 2/100")
        await service.tell(run, step(3), step(4))
        service.down = False

        await hides(pilot, "Connection lost")
        await shows(pilot, "step 4/100")
        assert service.followed == [(run, 0), (run, 3)]
        assert list(app.views[run].train["loss"].x) == [1, 2, 3, 4]


async def test_a_run_that_is_gone_is_told(app, service, shows):
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        app.push_screen(RunScreen("run-9"))

        await shows(pilot, "no run 'run-9'")


async def test_5000_events_are_drawn_at_frames_not_at_events(
    service, run, clock, monkeypatch, until
):
    drawn = []
    monkeypatch.setattr(curve, "draw", lambda *a: drawn.append(a) or [[]] * a[2])
    app = AzuraForgeApp(service, "http://replay", clock=clock, frame_s=3600, poll_s=3600)
    await service.tell(run, STARTED, step(1))
    async with app.run_test(size=WIDE) as pilot:
        screen = RunScreen(run)
        app.push_screen(screen)
        await until(pilot, lambda: len(screen._arrived) == 2)
        screen.frame()
        await pilot.pause()
        await service.tell(run, *(step(n) for n in range(2, 5000)))
        await until(pilot, lambda: len(screen._arrived) == 4998)
        drawn.clear()

        screen.frame()
        await pilot.pause()
        assert app.views[run].step == 4999
        assert len(drawn) == 2, "two curves, each once"

        for _ in range(10):
            screen.frame()
        await pilot.pause()
        assert len(drawn) == 2, "a frame without news draws nothing"


def step(number):
    loss = 2.3 * math.exp(-number / 30)
    return StepFinished(step=number, epoch=1 + (number - 1) // 10, loss=loss, lr=0.1, grad_norm=1.0)


def epoch(number, *, best):
    return EpochFinished(
        epoch=number, step=10 * number, train={"loss": 1.0}, is_best=best,
        validation={"loss": 1.1, "accuracy": 0.9},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "name"), [("p", "pause"), ("n", "step"), ("c", "checkpoint")], ids=lambda x: x
)
async def test_a_key_asks_the_run_for_what_it_says(app, run, service, shows, until, key, name):
    await service.tell(run, STARTED, step(5))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        app.push_screen(RunScreen(run))
        await shows(pilot, "step 5/100")

        await pilot.press(key)
        await until(pilot, lambda: service.commands)

        ((asked, command),) = service.commands
        assert (asked, command.name) == (run, name)


async def test_a_paused_run_says_so_and_goes_on_by_the_same_key(app, run, service, shows, until):
    await service.tell(run, STARTED, step(5), Intervened(step=5, command="pause", reason="lunch"))
    service.set(run, state="paused")
    async with app.run_test(size=WIDE) as pilot:
        app.push_screen(RunScreen(run))
        await shows(pilot, "‖ paused")
        await shows(pilot, "pause (lunch)")

        await pilot.press("p")
        await until(pilot, lambda: service.commands)

        assert service.commands[0][1].name == "resume"


async def test_a_live_setting_is_typed_and_what_the_service_refuses_is_told(
    app, run, service, shows, until
):
    fields = [
        ConfigField(path="optim.lr", kind="float", allowed="a number > 0", live=True),
        ConfigField(path="training.batch_size", kind="int", allowed="a whole number"),
    ]
    service.listed = [PluginInfo(name="images", fields=fields)]
    await service.tell(run, STARTED, step(5))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        app.push_screen(RunScreen(run))
        await shows(pilot, "step 5/100")

        await pilot.press("e")
        await shows(pilot, "a number > 0")
        await pilot.press(*"optim.lr=1e-4", "enter")
        await until(pilot, lambda: service.commands)
        service.refuses = ConfigError("optim.lr: got '-1'; allowed: a number > 0")
        await pilot.press("e")
        await shows(pilot, "Set, from the next step on")
        await pilot.press(*"optim.lr=-1", "enter")
        await shows(pilot, "optim.lr: got '-1'; allowed: a number > 0")

        ((_, command),) = service.commands
        assert (command.name, command.path, command.value) == ("set", "optim.lr", "1e-4")


async def test_interventions_are_marked_below_the_curves(app, run, service, shows, lines):
    changed = Intervened(step=2, command="set", path="optim.lr", value=0.01)
    await service.tell(run, STARTED, *(step(n) for n in range(1, 5)))
    async with app.run_test(size=WIDE) as pilot:
        app.push_screen(RunScreen(run))
        await shows(pilot, "step 4/100")
        assert not any("^" in line for line in lines())

        await service.tell(run, changed, step(5))

        await shows(pilot, "^")
        await shows(pilot, "optim.lr = 0.01")


async def test_a_lost_run_says_so(app, run, service, shows):
    await service.tell(run, STARTED, step(5))
    service.set(run, state="lost")
    async with app.run_test(size=NARROW) as pilot:
        app.push_screen(RunScreen(run))

        await shows(pilot, "◌ lost")
