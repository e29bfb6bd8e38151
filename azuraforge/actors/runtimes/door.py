"""The door to a Registry: who writes goes to its one thread, who reads never waits there."""

from __future__ import annotations

from typing import Any

READS = frozenset(
    """
    run runs events checkpoints requests dead_letters models model referenced superseded metrics
    experiments params artifacts datasets lineage study study_spec studies users authenticate keys
    audit
    """.split()
)


class Door:
    """A Registry's methods: reads by `reader`, `poll` by `hub`, everything else by `writer`.

    Each of the three has the methods it is asked for, all of them coroutines or all of them not.
    """

    def __init__(self, writer: Any, reader: Any, hub: Any) -> None:
        self._writer = writer
        self._reader = reader
        self._hub = hub

    def __getattr__(self, name: str) -> Any:
        if name == "poll":
            return self._hub.poll
        return getattr(self._reader if name in READS else self._writer, name)
