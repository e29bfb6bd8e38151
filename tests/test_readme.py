"""The programs of the README do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


def programs() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_the_first_program_is_twelve_lines_and_learns_exclusive_or(capsys):
    program = programs()[0]

    exec(program, {})

    assert len(program.splitlines()) == 12
    assert "[0, 1, 1, 0]" in capsys.readouterr().out


def test_the_second_program_prints_the_test_metrics_of_a_run(capsys):
    pytest.importorskip("azuraforge_images", reason="the images plugin is not installed")

    exec(programs()[1], {})

    printed = capsys.readouterr().out
    assert float(re.search(r"'accuracy': ([\d.]+)", printed).group(1)) > 0.95
