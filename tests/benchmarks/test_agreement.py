"""What must hold before anything is timed, and that it can fail."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from azuraforge import Tensor
from benchmarks.agreement import DifferError, largest_loss_difference, largest_output_difference


def losses(*values):
    turns = itertools.cycle(values)
    return lambda: np.float32(next(turns))


def test_the_largest_relative_difference_of_the_losses_is_found():
    found = largest_loss_difference(
        losses(2.0, 4.0, 1.0), losses(2.0, 4.001, 1.0), tolerance=1e-3, steps=3
    )

    assert found == pytest.approx(0.001 / 4.001, rel=1e-3)


def test_losses_that_differ_name_the_step_and_both_numbers():
    with pytest.raises(DifferError, match=r"step 3 of 20: loss 1\.1, the peer's 1:"):
        largest_loss_difference(losses(1.0, 1.0, 1.1), losses(1.0), tolerance=1e-3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_agrees_with_nothing(bad):
    with pytest.raises(DifferError, match="step 1"):
        largest_loss_difference(losses(bad), losses(bad), tolerance=1e-3)


def outputs(*values):
    return lambda: Tensor(np.array(values, np.float32))


def test_the_largest_difference_of_outputs_is_relative_to_the_largest_output():
    found = largest_output_difference(outputs(1.0, 0.0005), outputs(1.0, 0.0), tolerance=1e-3)

    assert found == pytest.approx(0.0005)


@pytest.mark.parametrize("ours", [(1.0, 0.1), (1.0, float("nan")), (1.0,)])
def test_outputs_that_differ_are_refused(ours):
    with pytest.raises(DifferError):
        largest_output_difference(outputs(*ours), outputs(1.0, 0.0), tolerance=1e-3)
