"""Values and gradients of our functions are PyTorch's, on the samples of PyTorch's own tests.

opinfo_passes.txt lists the ops that pass on all samples; one that no longer does fails here. One
that newly does is to be added: `python -m tests.interop.opinfo` prints the tally.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")
pytest.importorskip("expecttest", reason="expecttest, which PyTorch's OpInfo needs, is missing")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tests.interop import opinfo

PASSES = Path(__file__).with_name("opinfo_passes.txt").read_text().split()
INFOS = opinfo.infos()


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # PyTorch's own
def test_values_and_gradients_are_pytorchs(name: str) -> None:
    assert opinfo.verdict(INFOS[name]) == ""


def test_two_hundred_differentiable_ops_pass() -> None:
    differentiable = [
        name
        for name in PASSES
        if INFOS[name].supports_autograd and not name.startswith(opinfo.FUNCTIONAL)
    ]

    assert len(differentiable) >= 200


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # PyTorch's own
def test_errors_name_the_op_for_95_of_100_wrong_calls() -> None:
    given = [info for info in INFOS.values() if info.error_inputs_func and opinfo.ours(info)]

    counts = [opinfo.errors_named(info) for info in given]

    named, count = (sum(each) for each in zip(*counts, strict=True))
    assert named >= 0.95 * count, f"{named} of {count}"
