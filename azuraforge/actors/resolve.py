"""A spec made whole: its plugin loaded, its config checked and every default written out."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from azuraforge import plugin as plugins
from azuraforge.engine.device import array_module
from azuraforge.engine.random import Generator
from azuraforge.errors import RefusedError
from azuraforge.plugin import Example, Plugin
from azuraforge.schema.config import PluginConfig, configure, values_of
from azuraforge.schema.specs import RunSpec

Resolved = tuple[RunSpec, Plugin[Any], PluginConfig]


def resolve(spec: RunSpec) -> Resolved:
    """The spec with its whole config, its plugin, and the config as the plugin's own struct.

    Raises: NotFoundError, PluginError, ConfigError; DeviceError for a device that does not work;
            RefusedError for a version of the plugin that is not the installed one.
    """
    plugin = plugins.load(spec.plugin)
    if spec.plugin_version not in (None, plugin.version):
        raise RefusedError(
            f"plugin {spec.plugin}: version {spec.plugin_version} is asked for, and "
            f"{plugin.version} is installed; install that one, or leave plugin_version out"
        )
    config = configure(plugin.config, spec.config)
    array_module(spec.device)
    whole = structs.replace(spec, config=values_of(config), plugin_version=plugin.version)
    return whole, plugin, config


def task_generator(spec: RunSpec) -> Generator:
    """The generator a plugin's `build` and `examples` get: the same one for the same seed."""
    return Generator(spec.seed).child("task")


def examples(spec: RunSpec, count: int) -> list[Example]:
    """`count` rows of the test split of a run with this spec, with their truth.

    Raises: as `resolve`; DataError.
    """
    _, plugin, config = resolve(spec)
    return plugin.examples(config, task_generator(spec), count)
