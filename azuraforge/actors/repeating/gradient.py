"""The gradients of a step that was never logged: the step is done again."""

from __future__ import annotations

import difflib

import numpy as np

from azuraforge.actors.repeating.again import Again
from azuraforge.actors.repeating.journals import Journals, journal
from azuraforge.actors.repeating.seeing import see
from azuraforge.engine.device import Array
from azuraforge.engine.nn import Module
from azuraforge.errors import ConfigError, NotFoundError, RefusedError
from azuraforge.schema.comparison import LayerGradient, ParameterGradient
from azuraforge.schema.events import JournalEntry, StepFinished
from azuraforge.store.blobs import BlobStore


def gradient(
    registry: Journals, blobs: BlobStore, run: str, step: int, layer: str = ""
) -> tuple[LayerGradient, dict[str, Array]]:
    """The gradients that a step's update used, of all parameters in a layer, and in figures.

    Raises: NotFoundError for a run or a layer that is not there, with those that are; ConfigError
            for a step that the run has not done; RefusedError for a layer without gradients, or
            where the step, done again here, is not what the journal holds.
    """
    record = registry.run(run)
    if not 1 <= step <= record.step:
        raise ConfigError(
            f"--step: got {step}; allowed: 1 to {record.step}, which run {record.id} has done"
        )
    at = _entry(registry, record.id, step)
    again = Again(registry, blobs, record.id, step - 1)
    seen, event = see(again, at, with_marks=False, on_begin=lambda model: _check(model, layer))
    if event != at.event:
        raise RefusedError(
            f"step {step}, done again here, is not what the journal of run {record.id} holds; "
            f"`azuraforge replay {record.id}` says where they part"
        )
    arrays = {name: g for name, g in seen.gradients.items() if is_within(name, layer)}
    if not arrays:
        raise RefusedError(f"step {step}: no parameter of layer {layer!r} has a gradient")
    told = LayerGradient(
        run=record.id,
        step=step,
        layer=layer,
        parameters=[_figures(name, g) for name, g in arrays.items()],
        steps_done=again.steps_done,
        checkpoint=again.checkpoint,
    )
    return told, arrays


def is_within(name: str, layer: str) -> bool:
    """Whether a parameter belongs to a layer, or is what is meant by it; "" is the whole model."""
    return not layer or name == layer or name.startswith(f"{layer}.")


def _entry(registry: Journals, run: str, step: int) -> JournalEntry:
    """The last entry that tells of a step: a rollback lets a run do some again."""
    *_, last = (
        entry
        for entry in journal(registry, run)
        if isinstance(entry.event, StepFinished) and entry.event.step == step
    )
    return last


def _check(model: Module, layer: str) -> None:
    """Raise NotFoundError before any step is done for a layer that is not there."""
    names = [name for name, _ in model.named_parameters()]
    paths = [path for path, _ in model.named_modules() if path]
    layers = [path for path in paths if any(is_within(name, path) for name in names)]
    if any(is_within(name, layer) for name in names):
        return
    close = difflib.get_close_matches(layer, [*layers, *names], n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise NotFoundError(f"--layer: no layer {layer!r}; there are {', '.join(layers)}{hint}")


def _figures(name: str, g: Array) -> ParameterGradient:
    values = g.astype(np.float64)
    return ParameterGradient(
        name=name,
        shape=list(g.shape),
        norm=float(np.sqrt((values * values).sum())),
        mean=float(values.mean()),
        std=float(values.std()),
        min=float(values.min()),
        max=float(values.max()),
    )
