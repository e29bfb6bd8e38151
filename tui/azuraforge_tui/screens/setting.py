"""One setting of a run that is on: which, and its new value."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from azuraforge.schema.config import ConfigField


class SettingScreen(ModalScreen[str | None]):
    """Gives `path=value` as it was typed, or None."""

    BINDINGS = [Binding("escape", "dismiss(None)", "Leave it")]
    CSS = """
    SettingScreen { align: center middle; }
    SettingScreen > Vertical {
        width: 76; max-width: 95%; height: auto; padding: 1 2;
        background: $surface; border: round $border; border-title-color: $primary;
    }
    SettingScreen Input { margin-top: 1; }
    """

    def __init__(self, live: Sequence[ConfigField]) -> None:
        super().__init__()
        self._live = live

    def compose(self) -> ComposeResult:
        paths = [f"{field.path}=" for field in self._live]
        with Vertical() as box:
            box.border_title = "Set, from the next step on"
            yield Static(Content("\n").join(map(_line, self._live)))
            yield Input(
                placeholder=f"{paths[0]}…" if paths else "nothing of this plugin is live",
                suggester=SuggestFromList(paths),
                compact=True,
            )

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if "=" in event.value:
            self.dismiss(event.value)
        else:
            self.notify("It is written path=value.", severity="warning")


def _line(field: ConfigField) -> Content:
    return Content.assemble((f"{field.path:<26}", "bold"), (f"  {field.allowed}", "$quiet"))
