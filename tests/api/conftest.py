from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from azuraforge.api.app import create_app
from azuraforge.schema.specs import RunSpec
from tests.api.memory import MemoryHandles
from tests.api.serving import Service


@pytest.fixture
def handles() -> MemoryHandles:
    return MemoryHandles()


@pytest.fixture
def app(handles: MemoryHandles) -> Litestar:
    return create_app(handles)


@pytest.fixture
def client(app: Litestar) -> Iterator[TestClient[Litestar]]:
    with TestClient(app) as client:
        yield client


@pytest.fixture
def run(handles: MemoryHandles) -> str:
    """The id of a run that has been started and has told nothing yet."""
    return asyncio.run(handles.registry.create_run(RunSpec(plugin="images"))).id


@pytest.fixture
def service(handles: MemoryHandles) -> Iterator[Service]:
    with Service(handles) as service:
        yield service
