from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from azuraforge.schema.specs import RunSpec
from tests.api.memory import MemoryHandles
from tests.api.serving import Service


@pytest.fixture
def handles() -> MemoryHandles:
    return MemoryHandles()


@pytest.fixture
def run(handles: MemoryHandles) -> str:
    """The id of a run that has been started and has told nothing yet."""
    return asyncio.run(handles.registry.create_run(RunSpec(plugin="images"))).id


@pytest.fixture
def service(handles: MemoryHandles) -> Iterator[Service]:
    with Service(handles) as service:
        yield service
