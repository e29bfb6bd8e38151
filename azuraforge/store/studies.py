"""Studies and their trials in the database."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, delete, insert, select

from azuraforge.schema.records import Trial
from azuraforge.schema.specs import StudySpec
from azuraforge.store.tables import studies, trials

_spec = msgspec.json.Decoder(StudySpec)
_trial = msgspec.json.Decoder(Trial)


def add(db: Connection, study: str, spec: StudySpec, at: float) -> None:
    """Write down a new study."""
    text = msgspec.json.encode(spec).decode()
    db.execute(insert(studies).values(id=study, spec=text, created_at=at))


def spec_of(db: Connection, study: str) -> StudySpec | None:
    """What the study searches; None if there is none of this id."""
    text = db.scalar(select(studies.c.spec).where(studies.c.id == study))
    return None if text is None else _spec.decode(text)


def put_trial(db: Connection, study: str, trial: Trial) -> None:
    """Write a trial down as it now stands."""
    this = (trials.c.study == study) & (trials.c.number == trial.number)
    db.execute(delete(trials).where(this))
    text = msgspec.json.encode(trial).decode()
    db.execute(insert(trials).values(study=study, number=trial.number, record=text))


def trials_of(db: Connection, study: str) -> list[Trial]:
    """A study's trials by number."""
    query = select(trials.c.record).where(trials.c.study == study).order_by(trials.c.number)
    return [_trial.decode(text) for text in db.scalars(query)]


def newest(db: Connection, limit: int) -> list[str]:
    """The ids of studies, newest first."""
    query = select(studies.c.id).order_by(studies.c.created_at.desc(), studies.c.id.desc())
    return list(db.scalars(query.limit(limit)))
