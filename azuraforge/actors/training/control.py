"""A run under somebody's hand: what is asked of it takes effect between two of its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from azuraforge.actors.commands import check_command
from azuraforge.actors.training.interventions import Interventions
from azuraforge.engine.train import Loop
from azuraforge.errors import ConfigError
from azuraforge.schema.commands import Command, Request
from azuraforge.schema.events import Intervened
from azuraforge.schema.specs import RunSpec


class ControlState(Struct):
    """What of it decides how the run goes on: part of every checkpoint."""

    is_paused: bool = False
    pause_at: int | None = None  # the step after which `step` pauses again
    rollbacks: int = 0
    live: dict[str, Any] = {}  # settings of the plugin's own that were set, as they are now


class Control:
    """Lets interventions take effect, but for what only the Trainer can do: save, and stop."""

    def __init__(
        self,
        interventions: Interventions,
        spec: RunSpec,
        loop: Loop,
        live: Mapping[str, Callable[[Any], None]],
    ) -> None:
        self._interventions = interventions
        self._spec = spec
        self._loop = loop
        self._live = live
        self.state = ControlState()

    def values(self) -> dict[str, Any]:
        """The state as plain values."""
        found: dict[str, Any] = msgspec.to_builtins(self.state)
        return found

    def load(self, values: Mapping[str, Any]) -> None:
        """Become what `values` was taken of."""
        self.state = msgspec.convert(values, ControlState)
        for path, value in self.state.live.items():
            self._live[path](value)

    def due(self, made: Callable[[], int]) -> Iterator[Intervened | None]:
        """What takes effect now, each after what was made of the one before; `made` numbers it.

        None where the run is paused: it goes on when somebody has asked for something. After the
        last step only what was to be done after that very step: a fork may be given more epochs.
        """
        while True:
            told = self._next(made())
            if told is not None:
                yield self._applied(told)
            elif self.state.is_paused and not self._loop.is_done:
                yield None
                self._interventions.wait()
            else:
                return

    def _next(self, made: int) -> Intervened | None:
        known = self._interventions.known(made + 1)
        if known is not None:
            return known
        step, is_done = self._loop.step, self._loop.is_done
        if self.state.pause_at == step and not self.state.is_paused and not is_done:
            return Intervened(step=step, command="pause", reason="did the steps it was asked for")
        request = self._interventions.due(made, step, alone=is_done)
        return None if request is None else _told(request, step)

    def _applied(self, told: Intervened) -> Intervened:
        if told.refused:
            return told  # it is known to have had no effect
        state = self.state
        match told.command:
            case "pause":
                state.is_paused, state.pause_at = True, None
            case "resume":
                state.is_paused, state.pause_at = False, None
            case "step":
                state.is_paused, state.pause_at = False, self._loop.step + int(told.value)
            case "set":
                return self._set(told)
        return told

    def _set(self, told: Intervened) -> Intervened:
        try:
            asked = Command(name="set", path=told.path, value=told.value)
            value = check_command(self._spec, asked).value
            if told.path in self._live:
                self._live[told.path](value)
                self.state.live[told.path] = value
            else:
                self._loop.set(told.path, value)
        except ConfigError as error:
            return structs.replace(told, refused=str(error))
        return structs.replace(told, value=value)


def _told(request: Request, step: int) -> Intervened:
    command = request.command
    return Intervened(
        step=step,
        command=command.name,
        path=command.path,
        value=command.count if command.name == "step" else command.value,
        reason=command.reason,
        request=request.number,
    )
