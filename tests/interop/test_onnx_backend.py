"""The ONNX backend test suite, which comes with the `onnx` package, run by our importer.

Every test of it is run but for those named, under their reasons, in onnx_backend_left_out.txt.
`python -m tests.interop.test_onnx_backend` runs those too and prints the tally.
"""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="ONNX's own tests are there to be passed (pip install onnx)")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from onnx.backend.test import BackendTest

    from azuraforge.interop.onnx.backend import AzuraForgeBackend

    SUITE = BackendTest(AzuraForgeBackend, __name__)

CASES: dict[str, tuple[str, Any]] = {  # kind and function of each test, on the CPU
    name.removesuffix("_cpu"): (f"{kind}, expanded" if "_expanded" in name else kind, item.func)
    for kind, items in SUITE._test_items.items()
    for name, item in items.items()
    if name.endswith("_cpu")
}
LEFT_OUT = {
    line.strip()
    for line in Path(__file__).with_name("onnx_backend_left_out.txt").read_text().splitlines()
    if line and not line.startswith("#")
}


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The suite unpacks its models below a folder that it asks the environment for."""
    monkeypatch.setenv("ONNX_HOME", str(tmp_path))


@pytest.mark.parametrize("name", [name for name in CASES if name not in LEFT_OUT])
def test_the_importer_does_what_the_onnx_suite_asks(name):
    _, run = CASES[name]

    run(None)


def test_every_name_that_is_left_out_is_one_of_the_suite():
    unknown = sorted(LEFT_OUT - CASES.keys())

    assert unknown == []


def main() -> None:
    """Print how many pass of each kind, and which of those left out would."""
    passed, every = Counter[str](), Counter[str]()
    os.environ["ONNX_HOME"] = tempfile.mkdtemp()
    for name, (kind, run) in CASES.items():
        every[kind] += 1
        try:
            run(None)
        except (Exception, unittest.SkipTest) as error:  # noqa: BLE001  a tally counts all
            if name not in LEFT_OUT:
                print(f"fails: {name}: {type(error).__name__}: {str(error)[:300]}")
        else:
            passed[kind] += 1
            if name in LEFT_OUT:
                print(f"left out, and passes: {name}")
    for kind, count in every.items():
        print(f"{kind:32} {passed[kind]:5} of {count:5}")
    print(f"{'all':32} {passed.total():5} of {every.total():5}, {len(LEFT_OUT)} left out")


if __name__ == "__main__":
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    sys.exit(main())
