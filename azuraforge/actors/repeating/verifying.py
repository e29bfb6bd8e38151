"""A bundle's run done again on this machine, in part, and held against its journal."""

from __future__ import annotations

from msgspec import Struct

from azuraforge.actors.repeating.bundled import Bundled
from azuraforge.actors.repeating.replay import OnStep, replay
from azuraforge.errors import AzuraForgeError, DataError
from azuraforge.schema.comparison import ReplayReport
from azuraforge.schema.events import RunStarted


class Verification(Struct, frozen=True, kw_only=True):
    """A bundle that is what it says, and what came of doing parts of its run again."""

    run: str
    events: int
    chain: str
    files: int
    size_bytes: int
    replays: list[ReplayReport]  # from the spec, and from a checkpoint that came along


def verify(bundled: Bundled, steps: int, on_step: OnStep | None = None) -> Verification:
    """Do the run's first steps again, and those behind its last checkpoint but at the end.

    Raises: what keeps the run from being done here: NotFoundError or RefusedError for its plugin,
            DeviceError, ConfigError; DataError where a checkpoint or the plugin breaks.
    """
    return Verification(
        run=bundled.record.id,
        events=bundled.record.last_seq,
        chain=bundled.record.chain,
        files=bundled.files,
        size_bytes=bundled.size_bytes,
        replays=[_replayed(bundled, start, steps, on_step) for start in _starts(bundled, steps)],
    )


def _replayed(bundled: Bundled, start: int, steps: int, on_step: OnStep | None) -> ReplayReport:
    run = bundled.record
    end = min(start + steps, run.step)
    try:
        return replay(bundled, bundled.blobs, run.id, from_step=start, to_step=end, on_step=on_step)
    except AzuraForgeError:
        raise
    except Exception as error:  # what is in a stranger's checkpoint may break anything
        raise DataError(
            f"{bundled.path}: its run cannot be done again from step {start}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _starts(bundled: Bundled, steps: int) -> list[int]:
    """The step 0, and the latest checkpoint that has as many steps behind it, else the latest."""
    run = bundled.record
    began = isinstance(bundled.events(run.id, 0, 1)[0].event, RunStarted)
    if not steps or not began:
        return []
    kept = [saved.step for saved in bundled.checkpoints(run.id) if saved.is_kept]
    early = [step for step in kept if step + steps <= run.step]
    return [0, *(early or kept)[:1]]
