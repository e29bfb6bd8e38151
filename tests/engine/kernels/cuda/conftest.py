"""CUDA sources without a GPU: NVRTC compiles them, and g++ does, as plain C++ that runs here."""

from __future__ import annotations

import ctypes
import hashlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest

OLD = "warning: Architectures prior to"  # of compute_70, and of the option, not of a source
SHIM = """
#include <math.h>
#define __global__
#define __device__
struct Three { unsigned x; };
static Three gridDim, blockDim, blockIdx, threadIdx;
extern "C" void stand_at(unsigned grid, unsigned block, unsigned i, unsigned thread) {
    gridDim.x = grid, blockDim.x = block, blockIdx.x = i, threadIdx.x = thread;
}
static double erfinv(double x) {  // Newton's steps; erf is concave, so they do not overshoot
    if (!(fabs(x) < 1)) return fabs(x) == 1 ? copysign(INFINITY, x) : NAN;
    double y = 0;
    for (int i = 0; i < 100; i++) y -= (erf(y) - x) / (1.1283791670955126 * exp(-y * y));
    return y;
}
static float erfinvf(float x) { return erfinv(x); }
"""


@pytest.fixture(scope="session")
def apart() -> Callable[[Iterable[str]], tuple[str, list[str]]]:
    return joined


def joined(sources: Iterable[str]) -> tuple[str, list[str]]:
    """Many sources as one, and the names that their kernels then have."""
    parts, names = [], []
    for number, source in enumerate(sources):
        names.append(f"compute_{number}")
        body = source.replace("void compute(", f"void {names[-1]}(")
        parts.append(f"namespace n{number} {{\n{body}}}\n")
    return "".join(parts), names


@pytest.fixture(scope="session")
def nvrtc() -> Callable[[str, str], str]:
    """`compile(source, architecture)`: what NVRTC says; nothing where all is well.

    For `compute_80` it makes PTX; for `sm_80` it goes on to machine code, inline assembly included.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("NVRTC is among the development tools on x86-64 Linux only")
    try:
        wheel = distribution("nvidia-cuda-nvrtc-cu12")
    except PackageNotFoundError:
        pytest.skip("NVRTC, of the extra `dev`, is not installed")
    library = ctypes.CDLL(str(wheel.locate_file("nvidia/cuda_nvrtc/lib/libnvrtc.so.12")))

    def compile_it(source: str, architecture: str) -> str:
        options = (
            f"--gpu-architecture={architecture}",
            "--std=c++17",  # as CuPy has it
        )
        program, size = ctypes.c_void_p(), ctypes.c_size_t()
        library.nvrtcCreateProgram(
            ctypes.byref(program), source.encode(), b"compute.cu", 0, None, None
        )
        given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        failed = library.nvrtcCompileProgram(program, len(options), given)
        library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        library.nvrtcGetProgramLog(program, log)
        library.nvrtcDestroyProgram(ctypes.byref(program))
        said = [line for line in log.value.decode().splitlines() if line and OLD not in line]
        return "\n".join(said) or ("failed without a word" if failed else "")

    return compile_it


class OnTheCpu:
    """NumPy with CuPy's RawKernel, whose sources g++ compiles; `ready` does many at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kernels: dict[str, Callable[[tuple[Any, ...]], None]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def RawKernel(self, source: str, name: str) -> Callable[..., None]:
        assert name == "compute"

        def launch(grid: tuple[int], block: tuple[int], args: tuple[Any, ...]) -> None:
            if source not in self._kernels:
                self.ready([source])
            self._kernels[source](args)

        return launch

    def ready(self, sources: Iterable[str]) -> None:
        sources = list(dict.fromkeys(sources))
        text, names = joined(sources)
        path = self._folder / hashlib.sha256(text.encode()).hexdigest()
        path.with_suffix(".cpp").write_text(SHIM + text)
        built = ["g++", "-O0", "-shared", "-fPIC", "-o", path.with_suffix(".so")]
        subprocess.run([*built, path.with_suffix(".cpp")], check=True, capture_output=True)
        library = ctypes.CDLL(str(path.with_suffix(".so")))
        for source, name in zip(sources, names, strict=True):
            self._kernels[source] = _runner(library, library[name])


def _runner(library: Any, kernel: Any) -> Callable[[tuple[Any, ...]], None]:
    """The kernel as a function of its arguments; three blocks of two threads, one by one."""

    def run(args: tuple[Any, ...]) -> None:
        given = [_c_value(x) for x in args]
        for i in range(3):
            for thread in range(2):
                library.stand_at(3, 2, i, thread)
                kernel(*given)

    return run


def _c_value(x: Any) -> Any:
    match x:
        case np.ndarray():
            return ctypes.c_void_p(x.ctypes.data)
        case np.float32():
            return ctypes.c_float(x)
        case np.float64():
            return ctypes.c_double(x)
        case int():
            return ctypes.c_longlong(x)
    raise TypeError(f"CuPy would not take {x!r}")


class Collector:
    """NumPy with a RawKernel that only notes the source."""

    def __init__(self) -> None:
        self.sources: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def RawKernel(self, source: str, name: str) -> Callable[..., None]:
        self.sources.append(source)
        return lambda grid, block, args: None


@pytest.fixture(scope="session")
def collector() -> Collector:
    return Collector()


@pytest.fixture(scope="session")
def on_the_cpu(tmp_path_factory: pytest.TempPathFactory) -> OnTheCpu:
    if shutil.which("g++") is None:
        pytest.skip("there is no g++ to run CUDA sources on the CPU with")
    return OnTheCpu(tmp_path_factory.mktemp("cuda"))
