"""One run, live: curves, progress, epochs, set-up, how it ended."""

from __future__ import annotations

import asyncio
from collections import deque

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import Resize

from azuraforge.errors import AzuraForgeError, NotFoundError
from azuraforge.schema.commands import Command
from azuraforge.schema.events import JournalEntry, Telemetry
from azuraforge.schema.records import ENDED, RunRecord
from azuraforge_tui.commanding import ask_and_set, give
from azuraforge_tui.format import state
from azuraforge_tui.screens.area import Area
from azuraforge_tui.state import RunView, fold
from azuraforge_tui.stopping import ask_and_stop
from azuraforge_tui.telling import details, outcome, progress, state_of
from azuraforge_tui.theme import STATE_VARIABLES
from azuraforge_tui.widgets.curve import Curve, Line, Plot
from azuraforge_tui.widgets.epochs import EpochTable
from azuraforge_tui.widgets.lines import ProgressLine, SteadyText
from azuraforge_tui.widgets.raster import ASCII, BLOCKS, BRAILLE

EVENTS_PER_FRAME = 5_000  # about 50 ms of folding, so keys are answered while a long run loads
TWO_CURVES_FROM = 100  # columns
COMMANDS = ("stop", "pause", "step", "checkpoint", "set")  # actions on a run that is on


class RunScreen(Area):
    """A run as it goes; opened again, it goes on from where it was.

    One worker puts events into a queue, one asks for the record; the frame timer folds what has
    come and draws if there was something.
    """

    BINDINGS = [
        Binding("tab", "next_metric", "Metric", priority=True),
        Binding("l", "log_y", "Log y"),
        Binding("s", "stop", "Stop"),
        Binding("p", "pause", "Pause, go on"),
        Binding("e", "set", "Set"),
        Binding("n", "step", "One step, then pause", show=False),
        Binding("c", "checkpoint", "Save a checkpoint", show=False),
        Binding("escape", "app.pop_screen", "Back"),
        Binding("q", "app.quit", "Quit"),
        Binding("g", "next_glyphs", "Braille, blocks or ASCII", show=False),
        Binding("shift+tab", "app.focus_next", "Epochs or set-up", show=False, priority=True),
    ]
    CSS = """
    RunScreen #curves { height: 3fr; min-height: 6; }
    RunScreen #below { height: 2fr; min-height: 5; }
    RunScreen #outcome { display: none; padding: 0 1; height: auto; max-height: 7; }
    RunScreen Curve { width: 1fr; padding: 0 1; }
    RunScreen EpochTable { width: 4fr; }
    RunScreen #details {
        width: 3fr; border-top: solid $rule; border-title-color: $quiet; padding: 0 1;
    }
    RunScreen #details:focus { border-title-color: $primary; }
    """

    def __init__(self, run: str) -> None:
        super().__init__()
        self._run = run
        self._view = RunView(run=run)
        self._record: RunRecord | None = None
        self._arrived: deque[JournalEntry | Telemetry] = deque()
        self._seq = 0  # of the last event that arrived, folded or not
        self._dirty = True
        self._metric: str | None = None  # None: the one that decides
        self._log_y = False
        self._stoppable = True
        self._progress = ProgressLine()
        self._outcome = SteadyText(id="outcome")
        self._left, self._right = Curve(), Curve()
        self._epochs = EpochTable()
        self._setup = SteadyText()

    def body(self) -> ComposeResult:
        yield self._progress
        yield self._outcome
        with Horizontal(id="curves"):
            yield self._left
            yield self._right
        with Horizontal(id="below"):
            yield self._epochs
            with VerticalScroll(id="details") as scroll:
                scroll.border_title = "set-up"
                yield self._setup

    def on_mount(self) -> None:
        super().on_mount()
        self._view = self.forge.views.get(self._run, self._view)
        self._seq = self._view.seq
        self._epochs.table.focus()
        self.frame()
        self.set_interval(self.forge.frame_s, self.frame)
        self._follow()
        self._watch_record()

    @work(exclusive=True, group="follow")
    async def _follow(self) -> None:
        while self._view.end is None:
            try:
                async for item in self.forge.service.follow(self._run, after=self._seq):
                    self._arrived.append(item)
                    if isinstance(item, JournalEntry):
                        self._seq = max(self._seq, item.seq)
                return
            except NotFoundError:
                return  # told by the worker that asks for the record
            except AzuraForgeError as error:
                self.forge.lost = str(error)
                await self.forge.connected.wait()

    @work(exclusive=True, group="record")
    async def _watch_record(self) -> None:
        while self._record is None or self._record.state not in ENDED:
            try:
                self._record = await self.answer(lambda: self.forge.service.run(self._run))
            except NotFoundError as error:
                self.notify(str(error), severity="error", markup=False)
                return
            self._dirty = True
            await asyncio.sleep(self.forge.poll_s)

    def frame(self) -> None:
        """Fold what has arrived since the last frame; draw if anything is new."""
        if self._arrived:
            count = min(len(self._arrived), EVENTS_PER_FRAME)
            self._view = fold(self._view, [self._arrived.popleft() for _ in range(count)])
            self.forge.views[self._run] = self._view
            self._dirty = True
        if self._dirty:
            self._dirty = False
            self._draw()

    def _draw(self) -> None:
        view, record = self._view, self._record
        self._draw_title()
        self._progress.show(progress(view, record, self.forge.clock()))
        ended = outcome(view, record)
        self._outcome.display = ended is not None
        self._outcome.show(ended or Content())
        left, right = self._metrics_shown()
        self._draw_curve(self._left, left)
        self._right.display = right is not None
        if right is not None:
            self._draw_curve(self._right, right)
        self._epochs.show(view)
        self._setup.show(details(view, record))
        if (ended is None) != self._stoppable:
            self._stoppable = ended is None
            self.refresh_bindings()

    def _draw_title(self) -> None:
        plugin = self._record.spec.plugin if self._record else ""
        model = self._view.start.model if self._view.start else ""
        left = " · ".join(filter(None, [plugin, self._run, model]))
        of = state_of(self._view, self._record)
        self.title_line(left, state(of), f"${STATE_VARIABLES[of]}")

    def _metrics_shown(self) -> tuple[str, str | None]:
        """Names for the left and the right curve; a narrow screen has the left one alone."""
        names = self._view.metrics
        if self.app.size.width < TWO_CURVES_FROM:
            return self._metric or "loss", None
        others = [name for name in names if name != "loss"]
        right = self._metric if self._metric in others else next(iter(others), None)
        return "loss", right

    def _draw_curve(self, curve: Curve, metric: str) -> None:
        view = self._view
        train = view.train.get(metric) or view.means.get(metric)
        validation = view.validation.get(metric)
        lines = [Line("train", train)] if train else []
        lines += [Line("validation", validation)] if validation else []
        marks = tuple(event.step for event in view.interventions)
        plot = Plot(metric, tuple(lines), view.steps, self._log_y, marks)
        curve.show(plot, self.forge.glyphs)

    @on(Resize)
    def _redraw(self) -> None:
        self._dirty = True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what is for a run that goes on, once it does not."""
        return None if action in COMMANDS and not self._stoppable else True

    def action_next_metric(self) -> None:
        left, right = self._metrics_shown()
        names = self._view.metrics if right is None else self._view.metrics[1:]
        now = right or left
        self._metric = names[(names.index(now) + 1) % len(names)] if now in names else None
        self._redraw()

    def action_log_y(self) -> None:
        self._log_y = not self._log_y
        self._redraw()

    def action_next_glyphs(self) -> None:
        order = [BRAILLE, BLOCKS, ASCII]
        names = [glyphs.name for glyphs in order]
        self.forge.glyphs = order[(names.index(self.forge.glyphs.name) + 1) % len(order)]
        self._redraw()

    @work(exclusive=True, group="stop")
    async def action_stop(self) -> None:
        if self._record is not None:
            await ask_and_stop(self, self._record)

    @work(exclusive=True, group="command")
    async def action_pause(self) -> None:
        is_paused = state_of(self._view, self._record) == "paused"
        await give(self, self._record, Command(name="resume" if is_paused else "pause"))

    @work(exclusive=True, group="command")
    async def action_step(self) -> None:
        await give(self, self._record, Command(name="step"))

    @work(exclusive=True, group="command")
    async def action_checkpoint(self) -> None:
        await give(self, self._record, Command(name="checkpoint"))

    @work(exclusive=True, group="command")
    async def action_set(self) -> None:
        await ask_and_set(self, self._record)
