from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import device, nn
from azuraforge.engine.device import Lane, array_module, common_module, device_of, is_array, put
from azuraforge.engine.tensor import tensor
from azuraforge.errors import DeviceError


@pytest.fixture
def no_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    device._cupy.cache_clear()


@pytest.fixture
def cupy() -> None:
    pytest.importorskip("cupy", reason="CuPy, the extra `gpu`, is not installed")


@pytest.mark.usefixtures("no_cupy")
def test_cuda_without_cupy_is_an_error_that_says_why() -> None:
    with pytest.raises(DeviceError, match=r"'cuda' was asked for, but CuPy cannot .*\[gpu\]"):
        tensor([1.0], device="cuda")
    with pytest.raises(DeviceError, match="CuPy cannot be imported"):
        tensor([1.0]).to("cuda")
    with pytest.raises(DeviceError, match="CuPy cannot be imported"):
        nn.Linear(2, 2).to("cuda")


@pytest.mark.gpu
@pytest.mark.usefixtures("cupy")
def test_what_goes_to_the_gpu_comes_back_the_same() -> None:
    x = tensor([1.0, 2.0], device="cuda")

    assert x.device == "cuda"
    assert (x * 2.0).to("cpu").data.tolist() == [2.0, 4.0]


@pytest.mark.gpu
@pytest.mark.usefixtures("cupy")
def test_operands_on_two_devices_are_refused() -> None:
    with pytest.raises(DeviceError, match="add: operands are on cuda, cpu"):
        tensor([1.0], device="cuda") + tensor([1.0])


def test_an_unknown_device_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DeviceError, match="'tpu' is unknown; allowed: cpu, cuda"):
        array_module("tpu")


def test_arrays_and_numbers_of_the_cpu_share_numpy() -> None:
    x = np.ones(2)

    assert common_module("add", [2, x, np.float32(1)]) is np
    assert device_of(x) == "cpu"
    assert put(x, "cpu") is x


def test_arrays_are_told_from_numbers_and_lists() -> None:
    assert is_array(np.ones(2))
    assert is_array(type("OfCuPy", (), {"__cuda_array_interface__": {}})())
    assert not any(map(is_array, (1.0, np.float32(1), [1.0], None)))


class Stream:
    """A stand-in for CuPy's, which writes down what it is asked."""

    def __init__(self, log: list[str], name: str) -> None:
        self.log, self.name = log, name

    def __enter__(self) -> None:
        self.log.append(f"to {self.name}")

    def __exit__(self, *_: object) -> None:
        self.log.append(f"from {self.name}")

    def record(self) -> str:
        return self.name

    def wait_event(self, event: str) -> None:
        self.log.append(f"{self.name} waits for {event}")

    def begin_capture(self) -> None:
        self.log.append("begin")

    def end_capture(self) -> Any:
        self.log.append("end")
        return SimpleNamespace(launch=lambda stream: self.log.append(f"launch on {stream.name}"))


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def lane(log: list[str]) -> Lane:
    @contextmanager
    def using_allocator(allocator: str) -> Iterator[None]:
        log.append(f"memory of {allocator}")
        yield
        log.append("memory as before")

    cuda = SimpleNamespace(
        Stream=lambda non_blocking: Stream(log, "lane"),
        MemoryPool=lambda: SimpleNamespace(malloc="the lane"),
        get_current_stream=lambda: Stream(log, "caller"),
        using_allocator=using_allocator,
    )
    return Lane(SimpleNamespace(cuda=cuda))


TAKEN = ["lane waits for caller", "to lane", "memory of the lane"]
LEFT = ["memory as before", "from lane", "caller waits for lane"]


def test_a_lane_begins_after_its_caller_who_goes_on_after_it(lane: Lane, log: list[str]) -> None:
    with lane.taken():
        log.append("work")

    assert log == [*TAKEN, "work", *LEFT]


def test_calls_are_captured_as_a_graph_that_is_launched_on_the_lane(
    lane: Lane, log: list[str]
) -> None:
    graph = lane.graph([lambda: log.append("one"), lambda: log.append("two")])
    captured = log.copy()
    graph()

    assert captured == [*TAKEN, "begin", "one", "two", "end", *LEFT]
    assert log[len(captured) :] == ["launch on lane"]


def test_a_call_that_fails_does_not_leave_the_lane_capturing(lane: Lane, log: list[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        lane.graph([lambda: 1 / 0])

    assert log[-3:] == ["end", "from lane", "caller waits for lane"]
