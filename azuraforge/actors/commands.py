"""Commands looked at before they are written down, the same for whoever gives them."""

from __future__ import annotations

import difflib
from functools import reduce

import msgspec
from msgspec import structs

from azuraforge import plugin as plugins
from azuraforge.errors import ConfigError, FieldProblem
from azuraforge.schema.commands import Command
from azuraforge.schema.config import configure, fields_of
from azuraforge.schema.specs import RunSpec


def check_command(spec: RunSpec, command: Command) -> Command:
    """The command as it is to be written down: the value of `set` as the plugin's config has it.

    Raises: ConfigError for a setting that is not live, or a value it cannot have, with what can be
            set; ConfigError for a path where none belongs; NotFoundError, PluginError.
    """
    if command.name != "set":
        if command.path or command.value is not None:
            raise ConfigError(f"{command.name}: takes no setting; `set` does")
        return command
    config = plugins.load(spec.plugin).config
    live = [field.path for field in fields_of(config) if field.live]
    if command.path not in live:
        raise _not_live(command, live, [field.path for field in fields_of(config)])
    values = configure(config, {**spec.config, command.path: command.value})
    value = reduce(getattr, command.path.split("."), values)
    return structs.replace(command, value=msgspec.to_builtins(value))


def _not_live(command: Command, live: list[str], every: list[str]) -> ConfigError:
    is_known = command.path in every
    close = [] if is_known else difflib.get_close_matches(command.path, live, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    why = "is fixed once a run has begun" if is_known else "no such setting"
    allowed = f"{why}; what can be set meanwhile: {', '.join(live) or 'nothing'}{hint}"
    problem = FieldProblem(command.path, command.value, allowed)
    return ConfigError(str(problem), (problem,))
