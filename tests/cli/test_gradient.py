from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from azuraforge.store.tensors import decode
from tests.cli.conftest import Ask

Train = Callable[..., str]
Told = pytest.CaptureFixture[str]


def test_figures_of_each_parameter_are_told(ask: Ask, train: Train, capsys: Told) -> None:
    run = train()

    assert ask("gradient", run, "--step", "6", "--layer", "0") == 0

    header, weight, bias, how = capsys.readouterr().out.splitlines()
    assert header.split() == ["parameter", "shape", "norm", "mean", "std", "min", "max"]
    assert weight.split()[:2] == ["0.weight", "1×2"]
    assert bias.split()[:2] == ["0.bias", "1"]
    assert how.startswith(f"run {run}, step 6: 1 step done again from checkpoint ")


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_the_arrays_are_written_to_a_file(
    ask: Ask, train: Train, tmp_path: Path, capsys: Told, ending: str
) -> None:
    file = tmp_path / f"gradients{ending}"

    assert ask("gradient", train(), "--step", "3", "--output", str(file), "--json") == 0

    told = json.loads(capsys.readouterr().out)
    arrays = dict(np.load(file)) if ending == ".npz" else decode(file.read_bytes())[0]
    assert {figures["name"] for figures in told["parameters"]} == set(arrays)
    for figures in told["parameters"]:
        assert figures["norm"] == pytest.approx(np.linalg.norm(arrays[figures["name"]]))


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--step", "7"], 2, "--step: got 7; allowed: 1 to 6"),
        (["--step", "0"], 2, "a whole number from 1"),
        (["--step", "2", "--layer", "encoder"], 4, "no layer 'encoder'; there are 0"),
        (["--step", "2", "--output", "g.csv"], 2, "ending in .npz or .safetensors"),
        ([], 2, "--step"),
    ],
)
def test_what_cannot_be_asked_for_is_answered_with_what_can(
    ask: Ask, train: Train, capsys: Told, words: list[str], status: int, told: str
) -> None:
    assert ask("gradient", train(), *words) == status

    assert told in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_told(ask: Ask, train: Train, capsys: Told) -> None:
    assert ask("gradient", train(), "--step", "2", "--output", "/no/such/folder/g.npz") == 1

    assert "/no/such/folder/g.npz cannot be written" in capsys.readouterr().err
