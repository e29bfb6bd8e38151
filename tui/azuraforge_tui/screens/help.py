"""The keys of the screen beneath, and what the symbols mean."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from azuraforge_tui.format import state
from azuraforge_tui.theme import STATE_VARIABLES


class HelpScreen(ModalScreen[None]):
    """Closes on any of the keys that open or leave a screen."""

    BINDINGS = [Binding("escape,question_mark,f1,q,enter", "dismiss", "Close")]
    CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll {
        width: 60; max-width: 90%; height: auto; max-height: 90%;
        background: $surface; border: round $border; border-title-color: $primary; padding: 0 2;
    }
    """

    def __init__(self, beneath: Screen[object]) -> None:
        super().__init__()
        self._lines = [
            Content.assemble((f"{key:>11}", "$primary bold"), f"   {description}")
            for key, description in _keys(beneath).items()
        ]

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title = "Keys"
            yield Static(Content("\n").join(self._lines))
            yield Static(Content.styled("\nStates of a run", "$quiet"))
            for name, variable in STATE_VARIABLES.items():
                yield Static(Content.assemble(" " * 14, (state(name), f"${variable}")))


def _keys(screen: Screen[object]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in (screen.focused, screen, screen.app):
        for binding in _own(node) if node is not None else ():
            found.setdefault(screen.app.get_key_display(binding), binding.description)
    return found


def _own(node: DOMNode) -> Iterator[Binding]:
    """The bindings written here; Textual's own (arrows, copying text) go without saying."""
    if type(node).__module__.startswith("azuraforge_tui."):
        yield from Binding.make_bindings(type(node).BINDINGS)
