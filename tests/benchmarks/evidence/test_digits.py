"""LeNet-5: it learns from a few images, and reaches the paper from all."""

from __future__ import annotations

import numpy as np
import pytest

from azuraforge.engine.random import Generator
from benchmarks.evidence import digits
from benchmarks.evidence.digits import errors_percent, figures, lenet5, trained


def test_it_has_the_papers_weights_but_for_what_it_says():
    sizes = [w.data.size for w in lenet5().parameters()]

    by_layer = [sum(pair) for pair in zip(sizes[::2], sizes[1::2], strict=True)]
    assert by_layer == [156, 16 * (6 * 25 + 1), 48_120, 10_164, 85 * 10]  # paper: C3 has 1,516


def test_images_lie_in_the_middle_and_have_mean_0_and_variance_1_about(data_of):
    data_of("mnist")

    data = digits.images()

    x, y = data.train[:]
    assert x.shape == (60_000, 1, 32, 32)
    assert len(data.test) == 10_000
    assert (x[:, :, :2] == np.float32(-0.1)).all()
    centre = x[:, :, 2:30, 2:30]
    assert abs(centre.mean()) < 0.1
    assert np.bincount(y).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    ]


def test_a_pass_over_some_images_does_better_than_a_guess(data_of):
    data_of("mnist")
    data = digits.images()

    model = trained(data.train.subset(slice(0, 3200)), Generator(1), epochs=1)

    assert errors_percent(model, data.test.subset(slice(0, 1000))) < 60


@pytest.mark.slow
def test_the_papers_figure_is_reached(data_of):
    data_of("mnist")

    (figure,) = figures(Generator(1))

    assert figure.is_reached
