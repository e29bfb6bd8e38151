"""One training step of a run done again, and all that can be told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import blake2b
from typing import Any

import numpy as np

from azuraforge.actors.repeating.again import Again
from azuraforge.actors.repeating.journals import journal
from azuraforge.engine.device import Array, put
from azuraforge.engine.grad.modes import watched_by
from azuraforge.engine.grad.trail import Mark, Trail
from azuraforge.engine.nn import Module
from azuraforge.engine.optim import Optimizer
from azuraforge.engine.optim.flat import flat
from azuraforge.engine.train import Loop
from azuraforge.schema.events import JournalEntry, StepFinished


class Seen:
    """What a step began with, did and left behind; arrays as digests, gradients as they are.

    `gradients` are those that the update used: added up, and clipped where that is asked for.
    """

    def __init__(self, step: int, *, times: int, with_marks: bool) -> None:
        self._step = step
        self._left = times
        self._with_marks = with_marks
        self.parameters: dict[str, str] = {}  # and buffers
        self.optimizer: dict[str, Any] = {}  # its settings in the step, its arrays before it
        self.marks: list[Mark] = []
        self.gradients: dict[str, Array] = {}
        self.updated: dict[str, str] = {}

    def around(self, loop: Loop) -> AbstractContextManager[object]:
        """In force while the loop does a step: looks at those of the number that was asked for.

        After a rollback a run does them again; the last of so many `times` is what stays.
        """
        is_it = loop.step + 1 == self._step and self._left > 0
        return self._looking(loop) if is_it else nullcontext()

    @contextmanager
    def _looking(self, loop: Loop) -> Iterator[None]:
        parameters, arrays = loop.model.state_dict(), flat(loop.optimizer.state_dict())[0]
        self.parameters, before = digests(parameters), digests(arrays)
        trail = Trail(digest)
        with watched_by(trail) if self._with_marks else nullcontext():
            yield
        self._left -= 1  # a step that failed is none of them
        self.marks = trail.marks
        self.optimizer = {**_settings(loop.optimizer), **before}
        self.gradients = {
            name: np.array(put(parameter.grad.data, "cpu"))
            for name, parameter in loop.model.named_parameters()
            if parameter.grad is not None
        }
        self.updated = digests(loop.model.state_dict())


def see(
    again: Again,
    at: JournalEntry,
    *,
    with_marks: bool,
    on_begin: Callable[[Module], None] = lambda model: None,
) -> tuple[Seen, StepFinished]:
    """The step that the journal tells of in the entry `at`, done again, and what it now tells.

    `on_begin` is shown the model before any step is done.
    """
    assert isinstance(at.event, StepFinished)
    step, events = at.event.step, iter(again)
    first, _ = next(events)  # the loop is there now, and has done nothing yet
    on_begin(again.trainer.loop.model)
    seen = Seen(step, times=_times(again, step, first, at.seq), with_marks=with_marks)
    again.trainer.loop.around = seen.around
    event = next(event for seq, event in events if seq == at.seq)
    assert isinstance(event, StepFinished)
    return seen, event


def digest(array: Array) -> str:
    """64 bits over the bytes of an array on the CPU, in hexadecimal."""
    return blake2b(np.ascontiguousarray(array).tobytes(), digest_size=8).hexdigest()


def digests(arrays: Mapping[str, Array]) -> dict[str, str]:
    """The digest of each array, wherever it lives."""
    return {name: digest(put(array, "cpu")) for name, array in arrays.items()}


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    _, values = flat(optimizer.state_dict())
    groups = {
        f"groups.{number}.{key}": value
        for number, group in enumerate(values["groups"])
        for key, value in group.items()
        if key != "params"
    }
    return {**values["numbers"], **groups}


def _times(again: Again, step: int, first: int, last: int) -> int:
    """How often the journal tells of this step from one entry to another."""
    told = journal(again.registry, again.record.id, first - 1)
    return sum(
        isinstance(entry.event, StepFinished) and entry.event.step == step and entry.seq <= last
        for entry in told
    )
