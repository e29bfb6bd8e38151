"""Starting a run: a plugin, a form made from its config, the command that does the same."""

from __future__ import annotations

from itertools import groupby

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from azuraforge.errors import AzuraForgeError, ConfigError
from azuraforge.schema.config import ConfigField
from azuraforge.schema.records import PluginInfo
from azuraforge.schema.specs import RunSpec
from azuraforge_tui.form import RUN_FIELDS, Draft, command, default_text, draft, spec_of
from azuraforge_tui.format import counted
from azuraforge_tui.screens.area import Area
from azuraforge_tui.screens.run import RunScreen
from azuraforge_tui.widgets.form_row import FormRow


class NewRunScreen(Area):
    """What has been typed for one plugin is kept while another is looked at."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    BINDINGS = [
        Binding("ctrl+s", "start", "Start the run"),
        Binding("ctrl+y", "copy", "Copy the command"),
        Binding("escape", "app.pop_screen", "Back"),
    ]
    CSS = """
    NewRunScreen #choice { layout: horizontal; height: 1fr; }
    NewRunScreen #plugins {
        width: 36; height: 1fr; border: none; border-right: solid $rule; padding: 0 1;
        background: $background;
    }
    NewRunScreen #plugins > .option-list--option-disabled { color: $quiet; }
    NewRunScreen.-narrow #choice { layout: vertical; }
    NewRunScreen.-narrow #plugins {
        width: 1fr; height: auto; max-height: 5; border-right: none; border-bottom: solid $rule;
    }
    NewRunScreen #form { width: 1fr; padding: 0 1; }
    NewRunScreen .group { color: $primary; text-style: bold; margin-top: 1; }
    NewRunScreen .group:first-child { margin-top: 0; }
    NewRunScreen #status { height: auto; max-height: 3; padding: 0 1; border-top: solid $rule; }
    NewRunScreen #command { height: auto; max-height: 4; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._plugins: dict[str, PluginInfo] = {}
        self._chosen: PluginInfo | None = None
        self._starting = False
        self._options = OptionList(id="plugins")
        self._form = VerticalScroll(id="form", can_focus=False)
        self._status = Static("Asking the service for its plugins …", id="status")
        self._command = Static(id="command")
        self._texts: dict[str, dict[str, str]] = {}  # plugin -> path -> what was typed

    def body(self) -> ComposeResult:
        with Container(id="choice"):
            yield self._options
            yield self._form
        yield self._status
        yield self._command

    def on_mount(self) -> None:
        super().on_mount()
        self.title_line("New run")
        self._list_plugins()

    @work(exclusive=True, group="plugins")
    async def _list_plugins(self) -> None:
        plugins = sorted(
            await self.answer(self.forge.service.plugins),
            key=lambda plugin: (plugin.error is not None, plugin.name),
        )
        self._plugins = {plugin.name: plugin for plugin in plugins}
        self._options.add_options(map(_option, plugins))
        if plugins and plugins[0].error is None:
            self._options.highlighted = 0
            self._options.focus()
            await self._choose(plugins[0].name)
        else:
            self._say("✗ No plugin can be used; `azuraforge plugins` tells more.")

    @on(OptionList.OptionSelected)
    async def _selected(self, event: OptionList.OptionSelected) -> None:
        await self._choose(event.option_id or "")
        rows = self.query(FormRow)
        rows.first().query("Input, Select, Switch").first().focus()

    async def _choose(self, name: str) -> None:
        if self._chosen is not None and self._chosen.name == name:
            return
        self._chosen = self._plugins[name]
        texts = self._texts.setdefault(name, {})
        await self._form.remove_children()
        for group, fields in groupby(self._fields, key=_group):
            await self._form.mount(Static(group, classes="group"))
            await self._form.mount(
                *(FormRow(field, texts.get(field.path, default_text(field))) for field in fields)
            )
        self._form.scroll_home(animate=False)
        self._tell()

    @property
    def _fields(self) -> list[ConfigField]:
        return [*(self._chosen.fields if self._chosen else []), *RUN_FIELDS]

    def _draft(self) -> Draft:
        return draft(self._fields, self._texts[self._chosen.name] if self._chosen else {})

    @on(FormRow.Changed)
    def _row_changed(self, event: FormRow.Changed) -> None:
        if self._chosen is not None:
            self._texts[self._chosen.name][event.row.field.path] = event.row.text
            self._tell()

    def _tell(self) -> None:
        if self._chosen is None:
            return
        values, problems = self._draft()
        count = counted(len(problems), "problem")
        told = (f"✗ {count}", "$error bold") if problems else (count, "$quiet")
        self._say(Content.assemble(f"{counted(len(values), 'change')} · ", told))
        line = command(self._chosen.name, self._fields, values)
        self._command.update(Content.assemble(("$ ", "$quiet"), line))

    def _say(self, words: str | Content) -> None:
        said = Content(words) if isinstance(words, str) else words
        self._status.update(said)

    def action_copy(self) -> None:
        if self._chosen is not None:
            self.app.copy_to_clipboard(
                command(self._chosen.name, self._fields, self._draft().values)
            )
            self.notify("The command is in the clipboard, if the terminal allows that (OSC 52).")

    def action_start(self) -> None:
        values, problems = self._draft()
        if problems:
            self._show_problems(problems)
        elif self._chosen is not None and not self._starting:
            self._starting = True  # a second press must not start a second run
            self._start(spec_of(self._chosen.name, values))

    @work(group="start")
    async def _start(self, spec: RunSpec) -> None:
        self._say("starting …")
        try:
            record = await self.forge.service.start_run(spec)
        except AzuraForgeError as error:
            self._starting = False
            self._say(f"✗ {error}")
            if isinstance(error, ConfigError):
                self._show_problems({problem.path: problem.allowed for problem in error.problems})
        else:
            self.app.switch_screen(RunScreen(record.id))

    def _show_problems(self, problems: dict[str, str]) -> None:
        rows = {row.field.path: row for row in self.query(FormRow)}
        for path, row in rows.items():
            row.tell(problems.get(path))
        first = next((row for path, row in rows.items() if path in problems), None)
        if first is not None:
            first.query("Input, Select, Switch").first().focus()


def _option(plugin: PluginInfo) -> Option:
    if plugin.error is not None:
        words = Content.assemble((f"✗ {plugin.name}", "bold"), f"  {plugin.error}")
        return Option(words, id=plugin.name, disabled=True)
    about = f"  {plugin.version}  {plugin.summary}"
    return Option(Content.assemble((plugin.name, "bold"), (about, "$quiet")), id=plugin.name)


def _group(field: ConfigField) -> str:
    if field in RUN_FIELDS:
        return "run"
    head, dot, _ = field.path.partition(".")
    return head if dot else "general"
