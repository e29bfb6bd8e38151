"""What a plugin is, and where plugins are found.

A plugin is an object with the attributes and three methods of `Plugin`, registered by its package:

    [project.entry-points."azuraforge.plugins"]
    images = "azuraforge_images:plugin"

`names()` reads the installed packages' metadata and imports nothing; `load(name)` imports one.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import msgspec

from azuraforge.errors import NotFoundError, PluginError
from azuraforge.schema.config import PluginConfig, fields_of
from azuraforge.schema.records import PluginInfo

if TYPE_CHECKING:
    from azuraforge.engine.data import TensorDataset
    from azuraforge.engine.device import Array
    from azuraforge.engine.nn import Module
    from azuraforge.engine.random import Generator
    from azuraforge.engine.tensor import Tensor

GROUP = "azuraforge.plugins"
C = TypeVar("C", bound=PluginConfig)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a Trainer trains: built by a plugin from a config.

    The first array of a dataset is the model's input, the second the target; more may follow for
    `metrics` to use. `state` is what a prediction needs besides config and weights (scalers, class
    names): plain JSON values, saved with the model.
    """

    name: str  # what the model is registered as, unless the spec says otherwise
    model: Module
    train: TensorDataset
    validation: TensorDataset
    test: TensorDataset
    loss: Callable[[Tensor, Array], Tensor]  # (outputs, targets) -> mean loss, shape ()
    metrics: Callable[[Array, TensorDataset], dict[str, float]]  # (outputs, their rows)
    monitor: str  # key of the validation metrics; "loss" is always there
    mode: Literal["min", "max"]
    state: dict[str, Any] = field(default_factory=dict)
    unit: str = "samples"  # what the rows are called in progress lines: "images"
    # What a setting that the plugin's config declares live does when it is given a new value.
    live: dict[str, Callable[[Any], None]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Example:
    """An input in the form `predict` takes, from rows no model was trained on, and its truth."""

    input: Any
    truth: Any


class Plugin(Protocol[C]):
    """One kind of work: its config, the task it makes of a config, its predictions."""

    name: str
    summary: str
    version: str
    config: type[C]

    def build(self, config: C, generator: Generator) -> Task:
        """The task: data read and split, model initialised from `generator`.

        Raises: DataError for data that cannot be trained on.
        """
        ...

    def model(self, config: C, state: Mapping[str, Any]) -> Module:
        """The model's architecture; its weights are loaded by the caller."""
        ...

    def predict(
        self, model: Module, config: C, state: Mapping[str, Any], inputs: Sequence[Any]
    ) -> list[dict[str, Any]]:
        """One prediction per input: plain JSON values, the headline first.

        Raises: DataError naming the input that does not fit, and what would.
        """
        ...

    def examples(self, config: C, generator: Generator, count: int) -> list[Example]:
        """`count` rows of the test split, which is the same one `build` makes of `generator`."""
        ...


def names() -> list[str]:
    """Names of the installed plugins, sorted; imports none of them."""
    return sorted(_entries())


def load(name: str) -> Plugin[Any]:
    """The plugin of this name.

    Raises: NotFoundError if none is installed; PluginError with the cause if it does not import.
    """
    entries = _entries()
    if name not in entries:
        close = difflib.get_close_matches(name, entries, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        known = ", ".join(sorted(entries)) or "none"
        raise NotFoundError(f"no plugin named {name!r}; installed: {known}{hint}")
    try:
        found: Plugin[Any] = entries[name].load()
    except Exception as error:  # a stranger's code: whatever it raises is the plugin's fault
        raise PluginError(
            f"plugin {name!r} ({entries[name].value}) cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error
    return found


def describe(name: str) -> PluginInfo:
    """The plugin as listed; one that does not import is listed with its error."""
    try:
        plugin = load(name)
        return PluginInfo(
            name=name,
            version=plugin.version,
            summary=plugin.summary,
            fields=fields_of(plugin.config),
            config_schema=msgspec.json.schema(plugin.config),
        )
    except PluginError as error:
        return PluginInfo(name=name, error=str(error))


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
