"""A loop's whole state as arrays and plain values, which JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from azuraforge.engine.device import Array, put
from azuraforge.engine.optim.flat import flat, nested
from azuraforge.engine.train.happenings import LayerStatistics
from azuraforge.errors import ConfigError

if TYPE_CHECKING:
    from azuraforge.engine.train.loop import Loop

FORMAT = 2  # of the values; 1 had no schedule
CURSOR = ("step", "epoch", "validated", "is_stopping", "best_epoch", "best_step")
LIVE = ("epochs", "clip_norm", "patience", "statistics_every")
PLAIN = (*CURSOR, *LIVE)


def taken(loop: Loop) -> tuple[dict[str, Array], dict[str, Any]]:
    """What `put_back` puts back: the arrays in use, not copies, and values of their own."""
    optimizer, settings = flat(loop.optimizer.state_dict())
    average = loop.average
    arrays = {
        **_above("model.", loop.model.state_dict()),
        **_above("optim.", optimizer),
        **_above("best.", loop.best_weights),
        **_above("average.", {} if average is None else average.state_dict()),
    }
    values = {
        "format": FORMAT,
        **{name: getattr(loop, name) for name in PLAIN},
        "rates": list(loop.rates),
        "optimizer": settings,
        "noise": list(loop.noise.state),
        "order": list(loop.loader.generator.state),
        "best_validation": dict(loop.best_validation),
        "sums": dict(loop.sums),
        "improvement": loop.improvement.state_dict(),
        "plateau": loop.plateau.state_dict(),
        "scaler": loop.gradients.scaler.state_dict(),
        "averaged": 0 if average is None else average.count,
        "pending": [asdict(statistics) for statistics in loop.pending],
    }
    return {key: put(array, "cpu") for key, array in arrays.items()}, values


def put_back(loop: Loop, arrays: Mapping[str, Array], values: Mapping[str, Any]) -> None:
    """Make the loop the one that the state was taken of. Raises: ConfigError, ShapeError."""
    if values.get("format") != FORMAT:
        raise ConfigError(
            f"this state of a loop has format {values.get('format', 1)}; allowed: {FORMAT}; it was "
            "written by another version of AzuraForge, which can go on with it"
        )
    loop.model.load_state_dict(_below("model.", arrays))
    loop.optimizer.load_state_dict(nested(_below("optim.", arrays), values["optimizer"]))
    if loop.average is not None:
        loop.average.load_state_dict(_below("average.", arrays), values["averaged"])
    for name in PLAIN:
        setattr(loop, name, values[name])
    loop.rates = list(values["rates"])
    loop.noise.move_to(tuple(values["noise"]))
    loop.loader.generator.move_to(tuple(values["order"]))
    loop.best_validation = dict(values["best_validation"])
    loop.best_weights = {key: array.copy() for key, array in _below("best.", arrays).items()}
    loop.sums = dict(values["sums"])
    loop.improvement.load_state_dict(values["improvement"])
    loop.plateau.load_state_dict(values["plateau"])
    loop.gradients.scaler.load_state_dict(values["scaler"])
    loop.pending = [LayerStatistics(**statistics) for statistics in values["pending"]]


def _above(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {f"{prefix}{key}": array for key, array in arrays.items()}


def _below(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
