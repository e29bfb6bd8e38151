"""What every full screen has: a title line, the connection's banner, the footer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar, cast

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer

from azuraforge.errors import AzuraForgeError, NotFoundError
from azuraforge_tui.widgets.lines import ConnectionBanner, TitleLine

if TYPE_CHECKING:
    from azuraforge_tui.app import AzuraForgeApp

T = TypeVar("T")


class Area(Screen[None]):
    """A screen of this application; a subclass composes its `body`.

    Screens hold the widgets they write to: a worker that is answered while its screen is being
    closed would not find them by a query any more.
    """

    def __init__(self) -> None:
        super().__init__()
        self._title_line = TitleLine()
        self._banner = ConnectionBanner()

    @property
    def forge(self) -> AzuraForgeApp:
        """The application, as what it is."""
        return cast("AzuraForgeApp", self.app)

    def compose(self) -> ComposeResult:
        yield self._title_line
        yield self._banner
        yield from self.body()
        yield Footer(show_command_palette=False)

    def body(self) -> ComposeResult:
        """The widgets between the banner and the footer."""
        raise NotImplementedError

    async def answer(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What the service answers, asked again for as long as it fails to.

        Raises: NotFoundError, which asking again does not help.
        """
        while True:
            try:
                return await ask()
            except NotFoundError:
                raise
            except AzuraForgeError as error:
                self.forge.lost = str(error)
                await self.forge.connected.wait()

    def on_mount(self) -> None:
        self.watch(self.app, "lost", self._banner.show)

    def title_line(self, left: str, right: str = "", style: str = "$quiet") -> None:
        """Write the first line; `style` is the right part's."""
        self._title_line.show(left, right, style)
