from __future__ import annotations

import os
from pathlib import Path

import pytest

from azuraforge.cli import health
from azuraforge.store.sqlite import SQLite


def test_a_package_that_is_installed_and_imports_is_ok() -> None:
    import numpy as np

    check = health.imported("numpy", "")

    assert (check.state, check.detail) == ("ok", np.__version__)


@pytest.mark.parametrize(("extra", "state"), [("jit", "missing"), ("", "broken")])
def test_a_package_that_is_not_there_is_broken_only_if_everybody_needs_it(
    extra: str, state: str
) -> None:
    check = health.imported("no-such-package", extra)

    assert check.state == state
    assert "pip install" in check.remedy


def test_a_package_that_is_installed_and_does_not_import_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half.py").write_text("raise OSError('libcuda.so: cannot open')")
    (tmp_path / "half-1.dist-info").mkdir()
    (tmp_path / "half-1.dist-info" / "METADATA").write_text("Name: half\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)

    check = health.imported("half", "gpu")

    assert check.state == "broken"
    assert "OSError: libcuda.so: cannot open" in check.detail


def test_the_cpu_is_told_with_the_cores_this_process_may_use() -> None:
    assert f"{len(os.sched_getaffinity(0))} cores" in health.cpu().detail


def test_blas_obeys_a_thread_count_here() -> None:
    assert health.blas().state == "ok"


def test_a_data_folder_is_told_with_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()

    check = health.data(str(tmp_path))

    assert check.state == "ok"
    assert "mnist" in check.detail


def test_a_data_folder_that_is_named_and_not_there_is_broken(tmp_path: Path) -> None:
    check = health.data(str(tmp_path / "nowhere"))

    assert check.state == "broken"
    assert "No such file" in check.detail


def test_no_data_folder_at_all_is_nothing_broken() -> None:
    assert health.data(None).state == "missing"


def test_a_new_home_has_no_database_and_an_opened_one_has(tmp_path: Path) -> None:
    _, before = health.home_folder(tmp_path)
    SQLite(tmp_path).close()
    _, after = health.home_folder(tmp_path)

    assert before.detail.startswith("none yet")
    assert after.detail.startswith("opens, version")


def test_a_file_where_the_home_should_be_is_broken(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")

    (check,) = health.home_folder(tmp_path / "home")

    assert check.state == "broken"
    assert "not a folder" in check.detail


def test_a_database_that_is_none_is_broken(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite").write_bytes(b"not a database, by any means" * 100)

    assert health.database(tmp_path).state == "broken"


@pytest.mark.usefixtures("toy", "broken")
def test_a_plugin_is_broken_by_itself() -> None:
    states = {check.name: check.state for check in health.plugins()}

    assert states["plugin toy"] == "ok"
    assert states["plugin broken"] == "broken"
