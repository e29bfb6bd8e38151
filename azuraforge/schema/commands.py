"""What somebody asks of a run while it is on; each takes effect between two steps."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

CommandName = Literal["pause", "resume", "step", "stop", "checkpoint", "set"]


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One request. `pause` waits for `resume` or `stop`; `step` does `count` steps, then pauses.

    `set` gives the setting `path`, which the plugin's config declares live, a new `value`.
    """

    name: CommandName
    path: Annotated[str, Meta(max_length=200)] = ""
    value: Any = None
    count: Annotated[int, Meta(ge=1, le=1_000_000_000)] = 1
    reason: Annotated[str, Meta(max_length=1000)] = ""


class Request(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A command as the Registry keeps it: `number` counts up within the run.

    With `at_step` it takes effect after that very step (0: before the first), which is how a fork
    or a replay repeats what was done to another run; without, as soon as it arrives.
    """

    number: int
    command: Command
    at_step: int | None = None
