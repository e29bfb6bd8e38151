"""Kernels on disk: found again, made anew where damaged, never mistaken for one another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

import numba

from azuraforge.engine import compiling
from azuraforge.engine.kernels import disk

DOUBLE = """
from azuraforge.engine.kernels.compile import compiled

@compiled("i8(i8)")
def double(x):
    return 2 * x
"""
TWO_OF_ONE_NAME = """
import sys
from azuraforge.engine.kernels.compile import compiled, part

def scaled(scale):
    @part
    def f(x):
        total = 0.0
        for i in range(x):
            total += (i * scale) ** 0.5 / (1.0 + i) + (scale - i) ** 0.3
            for j in range(i):
                total *= (1.0 + j) ** 0.1 / scale
        return total * 0 + scale
    return f

one, two = scaled(1), scaled(2)

def first():
    @compiled("f8(i8)")
    def of_one(x):
        return one(x) + one(x + 1)
    return of_one

def second():
    @compiled("f8(i8)")
    def of_two(x):
        return two(x) + two(x + 1)
    return of_two

print(*({"first": first, "second": second}[name]()(1) for name in sys.argv[1:]))
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "doubling.py"
    path.write_text(DOUBLE)
    return path


@pytest.fixture
def load(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Callable[[int], int]]:
    """Gives the kernel, as a new process would: from disk, if it is there."""
    monkeypatch.setattr(disk, "cache_folder", lambda: tmp_path / "kernels")

    def loaded() -> Any:
        spec = spec_from_file_location("doubling", source)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "doubling", module)
        spec.loader.exec_module(module)
        return module.double

    return loaded


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kernels that were compiled, not found."""
    found: list[str] = []
    monkeypatch.setattr(compiling, "begin", found.append)
    return found


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.rglob(f"*{suffix}"))


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(content: bytes) -> bytes:
    return b""


def with_other_bits(content: bytes) -> bytes:
    """In the machine code, where there is some: unpickling sees nothing wrong with it."""
    at = max(0, content.find(b"\x7fELF")) + 64
    return content[:at] + bytes(255 - byte for byte in content[at : at + 8]) + content[at + 8 :]


def test_a_kernel_is_compiled_once(load, compilations):
    load()

    assert load()(21) == 42
    assert len(compilations) == 1


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", [cut, emptied, with_other_bits])
def test_a_damaged_file_is_made_anew(load, compilations, tmp_path, caplog, suffix, damage):
    load()
    (path,) = files(tmp_path, suffix)
    path.write_bytes(damage(path.read_bytes()))

    assert load()(21) == 42
    assert "doubling.double" in caplog.text
    assert "is damaged" in caplog.text
    load()
    assert len(compilations) == 2


def test_what_is_wrong_with_a_kernel_is_told_and_costs_the_others_nothing(
    load, compilations, source, tmp_path
):
    load()
    before = files(tmp_path, ".nb?")
    source.write_text(DOUBLE.replace("2 * x", "x.no_such_thing"))

    with pytest.raises(numba.TypingError, match="no_such_thing"):
        load()

    assert files(tmp_path, ".nb?") == before
    assert compiling.now() is None


def test_an_error_that_is_none_of_numbas_is_raised_as_well(load, tmp_path, monkeypatch):
    load()
    before = files(tmp_path, ".nb?")

    def fails(*_: Any, **__: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(disk.KeptOnDisk, "_on_disk", lambda *_: None)
    monkeypatch.setattr("numba.core.compiler.compile_extra", fails)

    with pytest.raises(KeyError, match="a bug"):
        load()
    assert files(tmp_path, ".nb?") == before


def test_where_nothing_can_be_kept_the_process_compiles_for_itself(
    load, compilations, tmp_path, monkeypatch, caplog
):
    (tmp_path / "kernels").write_text("no folder")
    monkeypatch.setattr(disk, "_told", [])

    assert load()(21) == 42
    assert load()(4) == 8
    assert len(compilations) == 2
    assert caplog.text.count("compiled kernels are not kept") == 1


def test_a_folder_that_cannot_be_written_is_read(load, compilations, monkeypatch):
    load()

    def refuses(*_: Any) -> None:
        raise PermissionError("read-only")

    monkeypatch.setattr(disk._Place, "ensure_cache_path", refuses)

    assert load()(21) == 42
    assert len(compilations) == 1


def started(path: Path, cache: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "AZURAFORGE_CACHE": str(cache)}
    command = [sys.executable, str(path), *arguments]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def told(process: subprocess.Popen[str]) -> tuple[str, str]:
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output.strip(), errors


def test_processes_that_compile_at_the_same_time_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "both.py"
    path.write_text(f"{DOUBLE}\nprint(double(21))")

    at_once = [started(path, tmp_path / "cache") for _ in range(3)]

    assert [told(process)[0] for process in at_once] == ["42"] * 3
    output, errors = told(started(path, tmp_path / "cache"))
    assert (output, errors) == ("42", "")


def test_functions_of_one_name_that_two_processes_compiled_stay_apart(tmp_path):
    path, cache = tmp_path / "names.py", tmp_path / "cache"
    path.write_text(TWO_OF_ONE_NAME)

    apart = [told(started(path, cache, name))[0] for name in ("first", "second")]
    together = told(started(path, cache, "first", "second"))

    assert apart == ["2.0", "4.0"]
    assert together == ("2.0 4.0", "")


def test_scipy_is_not_loaded_for_kernels_and_serves_others_still():
    pytest.importorskip("scipy", reason="SciPy, which only tests use, is not installed")
    code = """
import sys
import azuraforge.engine.kernels.linear
assert "scipy.linalg" not in sys.modules
import numba, numpy
product = numba.njit(lambda a: numpy.dot(a, a))
print(product(numpy.full((2, 2), 3.0)).tolist())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[[18.0, 18.0], [18.0, 18.0]]"
