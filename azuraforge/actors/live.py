"""Settings that can be changed while a run is on: those its plugin's config declares live."""

from __future__ import annotations

import difflib
from typing import Any

from azuraforge.errors import ConfigError
from azuraforge.schema.config import PluginConfig, configure, fields_of, values_of


def live_value(config: PluginConfig, path: str, value: Any) -> Any:
    """The value as the setting's own type, as typed on a command line or in a form.

    Raises: ConfigError for a path that is not live, naming those that are, or a value that the
            config does not allow.
    """
    live = [field.path for field in fields_of(type(config)) if field.live]
    if path not in live:
        close = difflib.get_close_matches(path, live, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(
            f"set: {path!r} cannot be changed while a run is on; what can: {', '.join(live)}{hint}"
        )
    found: Any = values_of(configure(type(config), {**values_of(config), path: value}))
    for name in path.split("."):
        found = found[name]
    return found
