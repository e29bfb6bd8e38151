"""A run's spec from the options of train and tune, checked before anything is started."""

from __future__ import annotations

from argparse import Namespace

import msgspec

from azuraforge.actors.resolve import resolve
from azuraforge.errors import ConfigError, NotFoundError
from azuraforge.schema.specs import RunSpec


def spec_of(arguments: Namespace) -> RunSpec:
    """The spec these options ask for, its config whole.

    Raises: ConfigError for a plugin that is not there or settings it does not take; PluginError;
        DeviceError.
    """
    given = {
        "plugin": arguments.plugin,
        "config": dict(arguments.settings) | _on_nan(arguments),
        "seed": arguments.seed,
        "device": arguments.device,
        "threads": arguments.threads,
        "model": arguments.model,
        "precision": arguments.precision,
        "attempts": arguments.attempts,
        "checkpoint": {
            "every_epochs": arguments.checkpoint_epochs,
            "every_steps": arguments.checkpoint_steps,
            "keep_last": arguments.keep_checkpoints,
        },
    }
    try:
        return resolve(msgspec.convert(given, RunSpec))[0]
    except msgspec.ValidationError as error:  # the parser has checked all but the model's name
        raise ConfigError(
            f"--model: got {arguments.model!r}; allowed: letters, digits, '.', '_' and '-', "
            "at most 100, the first a letter or digit"
        ) from error
    except NotFoundError as error:  # here a plugin's name that was typed wrong: a usage error
        raise ConfigError(str(error)) from error


def _on_nan(arguments: Namespace) -> dict[str, str]:
    return {} if arguments.on_nan is None else {"training.on_nan": arguments.on_nan}
