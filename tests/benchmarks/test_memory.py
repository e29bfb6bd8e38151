"""A row's peak, of the smallest model; what it comes to is not asserted."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks import memory
from benchmarks.suite import ROWS

pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")

ROW = ROWS[1]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's peak")


@pytest.mark.parametrize("mode", memory.MODES)
def test_a_step_needs_at_least_weights_gradients_and_moments(mode):
    weights_mib = (784 * 256 + 256 * 10) * 4 / 2**20

    found = memory.peak_mib(ROW, mode, 1, is_peer=False)

    assert 4 * weights_mib - memory.PRECISION < found < 16 * weights_mib


def test_a_child_that_fails_is_not_taken_for_a_figure(monkeypatch):
    monkeypatch.setattr(sys, "executable", "false")

    with pytest.raises((subprocess.CalledProcessError, FileNotFoundError)):
        memory.peak_mib(ROW, "eager", 1, is_peer=True)


def test_a_row_too_small_for_linux_to_count_claims_nothing():
    assert memory.line(ROW, "eager", 1, 0.2, 0.1).endswith("too little to tell")
    assert memory.line(ROW, "eager", 1, 30.0, 40.0).endswith("0.75 of it")


def test_an_unknown_row_is_told_in_a_sentence(capsys):
    with pytest.raises(SystemExit) as ended:
        memory.main(["--rows", "nothing"])

    assert ended.value.code == 2
    assert "no row 'nothing'" in capsys.readouterr().err
