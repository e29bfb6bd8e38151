from __future__ import annotations

import sys

import numpy as np
import pytest

from azuraforge.engine import device, nn
from azuraforge.engine.device import array_module, common_module, device_of, put
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
