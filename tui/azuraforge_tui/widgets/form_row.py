"""A row of a form: the field's name, a control of its kind, what it is for, what is wrong."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import DescendantBlur
from textual.message import Message
from textual.widgets import Input, Select, Static, Switch

from azuraforge.schema.config import ConfigField
from azuraforge_tui.form import default_text, read


class FormRow(Vertical):
    """Holds a text; tells of a problem once the control has been left, or the service objects."""

    DEFAULT_CSS = """
    FormRow { height: auto; }
    FormRow > Horizontal { height: 1; }
    FormRow .name { width: 20; }
    FormRow .about { width: 1fr; color: $quiet; padding-left: 2; text-wrap: nowrap;
                     text-overflow: ellipsis; }
    FormRow .control { width: 24; }
    FormRow Input { background: $panel; padding: 0 1; }
    FormRow Input:focus { background: $block-cursor-background; }
    FormRow SelectCurrent { background: $panel; padding: 0 1; }
    FormRow Select:focus > SelectCurrent { background: $block-cursor-background; }
    FormRow Switch { border: none; height: 1; padding: 0 1; }
    FormRow Switch:focus { border: none; background: $block-cursor-background; }
    FormRow .problem { display: none; color: $error; padding-left: 20; height: auto; }
    FormRow.-wrong .problem { display: block; }
    FormRow.-wrong .name { color: $error; }
    """

    class Changed(Message):
        """The row's text is another one."""

        def __init__(self, row: FormRow) -> None:
            super().__init__()
            self.row = row

    def __init__(self, field: ConfigField, text: str) -> None:
        super().__init__()
        self.field = field
        self.text = text

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(self._marked_name(), classes="name")
            with Horizontal(classes="control"):
                yield self._control()
            about = Static(Content(self._about()), classes="about")
            about.tooltip = Content(self._about())  # the end of a long one is cut off
            yield about
        yield Static(classes="problem")

    def tell(self, problem: str | None) -> None:
        """Show this problem under the control, or none."""
        self.set_class(problem is not None, "-wrong")
        self.query_one(".problem", Static).update(Content(f"✗ {problem or ''}"))

    @property
    def problem(self) -> str | None:
        """What is wrong with the text, as far as its field says."""
        try:
            read(self.field, self.text)
        except ValueError as error:
            return str(error)
        return None

    def _control(self) -> Input | Select[str] | Switch:
        field = self.field
        if field.kind == "bool" and not field.optional:
            return Switch(self.text == "true", animate=False)
        if field.kind in ("bool", "choice"):
            choices = ["true", "false"] if field.kind == "bool" else map(str, field.choices)
            return Select(
                [(choice, choice) for choice in choices],
                value=self.text or Select.NULL,
                prompt="none" if field.optional else "choose",
                allow_blank=field.optional or field.required,
                compact=True,
            )
        return Input(self.text, placeholder="none" if field.optional else "", compact=True)

    def _marked_name(self) -> Content:
        name = self.field.path.removeprefix("--").rpartition(".")[2]
        changed = self.text != default_text(self.field)
        return Content.assemble(("● " if changed else "  ", "$accent"), (name, "bold" * changed))

    def _about(self) -> str:
        field = self.field
        words = ["required"] if field.required else []
        return ", ".join([*words, *filter(None, [field.description, field.allowed])])

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Switch.Changed)
    def _take(self, event: Input.Changed | Select.Changed | Switch.Changed) -> None:
        event.stop()
        value = event.value
        text = str(value).lower() if isinstance(event, Switch.Changed) else str(value)
        self.text = "" if value is Select.NULL else text
        self.query_one(".name", Static).update(self._marked_name())
        if self.has_class("-wrong"):
            self.tell(self.problem)
        self.post_message(self.Changed(self))

    @on(DescendantBlur)
    def _left(self) -> None:
        self.tell(self.problem)
