from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import pytest

from azuraforge.actors.recording.registry import Registry
from azuraforge.actors.runtimes.keeper import Keeper
from azuraforge.actors.runtimes.supervisor import Start
from azuraforge.errors import FencedError, RunError
from azuraforge.schema.specs import RunSpec


class Trainers:
    """Trainers that do nothing until they are told how they ended."""

    def __init__(self) -> None:
        self.works: list[Future[None]] = []

    def train(self, start: Start) -> Future[None]:
        self.works.append(Future())
        return self.works[-1]

    def let_go(self, run: str) -> None:
        """Nothing is held."""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with closing(Registry(tmp_path)) as registry:
        yield registry


@pytest.mark.parametrize("error", [FencedError("elsewhere"), RunError("its data are gone")])
def test_a_run_that_was_let_go_of_can_be_taken_up_again(
    registry: Registry, error: Exception
) -> None:
    trainers = Trainers()
    record = registry.create_run(RunSpec(plugin="tiny"))
    keeper = Keeper(registry, trainers, adopts=True)
    keeper.accept(record)
    registry.begin_attempt(record.id, "elsewhere")
    trainers.works[0].set_exception(error)
    told = keeper.runs[record.id].ended.exception(20)

    keeper._start(Start(record, after=1))
    again = keeper.runs[record.id].ended
    trainers.works[1].set_result(None)

    assert isinstance(told, type(error))
    assert again.result(20) is None
    keeper.close()
