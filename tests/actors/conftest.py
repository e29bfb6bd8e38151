"""The tiny plugin for every test here, and both runtimes: one Ray for the whole session."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from azuraforge.actors.connect import connect
from azuraforge.actors.handles import Handles

TINY = Path(__file__).parent / "tiny"


@pytest.fixture(autouse=True)
def tiny_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin `tiny`, found by its package's metadata as any other is."""
    monkeypatch.syspath_prepend(TINY)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ray with two cores, its workers able to import the tiny plugin."""
    from azuraforge.actors.runtimes.on_ray import OnRay

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(TINY))
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setattr(os, "cpu_count", lambda: 2)
        owner = OnRay(tmp_path_factory.mktemp("cluster"))
    yield
    asyncio.run(owner.close())


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.ray)])
def handles(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Handles]:
    """A runtime with a home of its own."""
    if request.param == "ray":
        request.getfixturevalue("cluster")
    handles = connect(request.param, home=tmp_path)
    yield handles
    asyncio.run(handles.close())
    if request.param == "ray":
        end_registry(handles)


@pytest.fixture
def on_ray(cluster: None, tmp_path: Path) -> Iterator[Handles]:
    """The runtime on Ray with a home of its own."""
    handles = connect("ray", home=tmp_path)
    yield handles
    asyncio.run(handles.close())
    end_registry(handles)


def end_registry(handles: Handles) -> None:
    """End the Registry and the hub, which outlive their runtime while the cluster stands."""
    import ray

    ray.kill(handles._registry)
    ray.kill(handles._hub)
