"""Single lines: the title of a screen, the banner of a lost connection, a run's progress."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static


class TitleLine(Widget):
    """The first line: where one is on the left, a summary on the right."""

    DEFAULT_CSS = """
    TitleLine { height: 1; dock: top; background: $panel; color: $foreground; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown = ("", "", "")

    def show(self, left: str, right: str, style: str) -> None:
        if (left, right, style) != self._shown:
            self._shown = left, right, style
            self.refresh()

    def render(self) -> Content:
        left, right, style = self._shown
        gap = max(2, self.size.width - len(left) - len(right))
        return Content.assemble((left, "bold"), " " * gap, (right, style))


class ConnectionBanner(Static):
    """Hidden while the service answers; else says that it does not, and why."""

    DEFAULT_CSS = """
    ConnectionBanner {
        display: none; height: auto; max-height: 3; padding: 0 1;
        background: $error; color: $background; text-style: bold;
    }
    """

    def show(self, lost: str) -> None:
        self.display = bool(lost)
        self.update(Content(f"✗ Connection lost, trying again: {lost}"))


class SteadyText(Static):
    """Text that is laid out and drawn anew only when it is another one."""

    def show(self, content: Content) -> None:
        if not (isinstance(self.content, Content) and self.content.is_same(content)):
            self.update(content)


@dataclass(frozen=True)
class Progress:
    """What a progress line says: how much is done, and words beside the bar."""

    fraction: float
    words: str


class ProgressLine(Widget):
    """A bar that takes the room its words leave."""

    DEFAULT_CSS = "ProgressLine { height: 1; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._progress = Progress(0.0, "")

    def show(self, progress: Progress) -> None:
        if progress != self._progress:
            self._progress = progress
            self.refresh()

    def render(self) -> Content:
        words = f"{self._progress.fraction:4.0%}  {self._progress.words}"
        width = max(8, self.size.width - len(words) - 1)
        done = round(width * self._progress.fraction)
        return Content.assemble(
            ("━" * done, "$series-train"), ("─" * (width - done), "$rule"), f" {words}"
        )
