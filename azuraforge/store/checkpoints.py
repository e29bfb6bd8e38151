"""The checkpoints that journals name, and which of them stay."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import NamedTuple

from sqlalchemy import Connection, Select, insert, literal, select, update

from azuraforge.schema.records import Checkpoint, RunRecord
from azuraforge.store.runs import record_of, text_of
from azuraforge.store.tables import checkpoints


class Branch(NamedTuple):
    """A checkpoint as one forks there: its event's number, and the run as it was then."""

    seq: int
    record: RunRecord
    best_step: int | None


def add(
    db: Connection, run: int, new: Checkpoint, record: RunRecord, best_step: int | None
) -> None:
    """Write down a checkpoint with the record that its event made."""
    if new.is_best:
        _update(db, run, [], is_best=False)
    db.execute(
        insert(checkpoints).values(
            run=run,
            seq=new.seq,
            step=new.step,
            epoch=new.epoch,
            sha256=new.sha256,
            is_best=new.is_best,
            is_kept=new.is_kept,
            record=text_of(record),
            best_step=best_step,
        )
    )


def of_run(db: Connection, run: int) -> list[Checkpoint]:
    """Those of a run, newest first."""
    c = checkpoints.c
    query = select(c.seq, c.step, c.epoch, c.sha256, c.is_best, c.is_kept)
    query = query.where(c.run == run).order_by(c.seq.desc())
    return [
        Checkpoint(seq=seq, step=step, epoch=epoch, sha256=sha256, is_best=best, is_kept=kept)
        for seq, step, epoch, sha256, best, kept in db.execute(query)
    ]


def keep(db: Connection, run: int, last: int) -> None:
    """Let go of all but the last ones and the best."""
    kept = [one for one in of_run(db, run) if one.is_kept]
    over = [one.seq for one in kept[last:] if not one.is_best]
    if over:
        _update(db, run, over, is_kept=False)


def keep_only(db: Connection, run: int, names: AbstractSet[str]) -> None:
    """Keep those of a run whose blobs are these, and no others."""
    for kept in of_run(db, run):
        _update(db, run, [kept.seq], is_kept=kept.sha256 in names)


def branch(db: Connection, run: int, step: int, before: int) -> Branch | None:
    """The newest that is kept, not beyond the step, and told before the event `before`."""
    c = checkpoints.c
    query: Select[tuple[int, str, int | None]] = select(c.seq, c.record, c.best_step)
    query = (
        query.where(c.run == run, c.is_kept, c.step <= step, c.seq < before)
        .order_by(c.seq.desc())
        .limit(1)
    )
    row = db.execute(query).one_or_none()
    return None if row is None else Branch(row.seq, record_of(row.record), row.best_step)


def copy(db: Connection, parent: int, child: int, last_seq: int) -> None:
    """Give a new run those whose events it has of its parent."""
    columns = [column for column in checkpoints.c if column.name != "run"]
    theirs = select(literal(child), *columns)
    theirs = theirs.where(checkpoints.c.run == parent, checkpoints.c.seq <= last_seq)
    names = ["run", *(column.name for column in columns)]
    db.execute(insert(checkpoints).from_select(names, theirs))


def kept(db: Connection) -> set[str]:
    """The blobs of every checkpoint that is kept."""
    return set(db.scalars(select(checkpoints.c.sha256).where(checkpoints.c.is_kept).distinct()))


def superseded(db: Connection) -> set[str]:
    """The blobs of every checkpoint that is not kept, though another may be of the same blob."""
    lost = select(checkpoints.c.sha256).where(checkpoints.c.is_kept.is_(False))
    return set(db.scalars(lost.distinct()))


def _update(db: Connection, run: int, seqs: list[int], **values: bool) -> None:
    """Change these of a run; without numbers, all."""
    statement = update(checkpoints).where(checkpoints.c.run == run)
    if seqs:
        statement = statement.where(checkpoints.c.seq.in_(seqs))
    db.execute(statement.values(**values))
