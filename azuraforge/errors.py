"""The exception tree. Every error AzuraForge raises on purpose is one of these.

    AzuraForgeError
    ├── ConfigError          a spec, config key or option that cannot be used (also ValueError)
    ├── NotFoundError        no such run, model, version, plugin (also LookupError)
    ├── RefusedError         understood, and not allowed in this state
    │   └── FencedError      a later attempt has been given the run: this one writes no more
    ├── ServiceError         service or cluster cannot be reached; try again (also ConnectionError)
    ├── HomeError            the home folder cannot be used: not writable (also OSError)
    │   └── NoRoomError      the disk is full; what waits for room goes on when there is some
    ├── PluginError          a plugin cannot be imported or breaks the contract
    ├── RunError             a run that started and failed
    │   ├── DataError        missing column, empty or corrupt file, NaN in data (also ValueError)
    │   └── NonFiniteError   a loss or gradient became NaN or Inf; names the step and the op
    └── EngineError
        ├── ShapeError       shapes that do not fit (also ValueError)
        ├── DTypeError       an element type an op cannot take (also TypeError)
        ├── DeviceError      a device that was asked for and is not there (also RuntimeError)
        └── GradientError    backward() where there is nothing to go backward on (also RuntimeError)

A message says where, what was given, what is allowed, and what to do, in that order. Each class
carries the exit status of the command line: 1 run failed, 2 usage, 3 connection, 4 not found,
5 refused.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class AzuraForgeError(Exception):
    """The root: catch it to catch everything AzuraForge raises on purpose."""

    exit_code: ClassVar[int] = 1


class FieldProblem(NamedTuple):
    """One thing wrong with one config field: its dotted path, the value given, what is allowed."""

    path: str
    value: object
    allowed: str

    def __str__(self) -> str:
        return f"{self.path}: got {self.value!r}; {self.allowed}"


class ConfigError(AzuraForgeError, ValueError):
    """A spec, config key or option that cannot be used; `problems` lists every field at fault."""

    exit_code = 2

    def __init__(self, message: str, problems: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(message, problems)
        self.message = message
        self.problems = problems

    def __str__(self) -> str:
        return self.message


class NotFoundError(AzuraForgeError, LookupError):
    """No such run, model, version or plugin."""

    exit_code = 4


class RefusedError(AzuraForgeError):
    """Understood, and not allowed in the state things are in."""

    exit_code = 5


class FencedError(RefusedError):
    """A later attempt has been given the run: this one writes no more."""


class ServiceError(AzuraForgeError, ConnectionError):
    """The service or the cluster cannot be reached; trying again may help."""

    exit_code = 3


class HomeError(AzuraForgeError, OSError):
    """The home folder cannot be used: not writable, or damaged."""


class NoRoomError(HomeError):
    """The disk of the home folder is full: the same may be tried again when there is room."""


class PluginError(AzuraForgeError):
    """A plugin cannot be imported, or breaks the plugin contract."""

    exit_code = 2


class RunError(AzuraForgeError):
    """A run that started and failed."""


class DataError(RunError, ValueError):
    """Data that cannot be trained on: missing column, empty or corrupt file, NaN."""


class NonFiniteError(RunError):
    """A loss or gradient became NaN or Inf."""


class EngineError(AzuraForgeError):
    """Arrays, devices or gradients used wrongly."""


class ShapeError(EngineError, ValueError):
    """Shapes that do not fit together."""


class DTypeError(EngineError, TypeError):
    """An element type that an op cannot take."""


class DeviceError(EngineError, RuntimeError):
    """A device that was asked for and is not there. Nothing ever falls back in silence."""


class GradientError(EngineError, RuntimeError):
    """backward() where there is nothing to go backward on."""
