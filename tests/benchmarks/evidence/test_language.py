"""The small GPT: it sees only the past, learns more than how often letters are, reaches 1.88."""

from __future__ import annotations

import math

import numpy as np
import pytest

import azuraforge
from azuraforge.engine.random import Generator
from benchmarks.evidence import language
from benchmarks.evidence.language import GPT, figures, trained, validation_loss


def test_a_place_sees_nothing_that_comes_after_it(rng):
    model = GPT(7, Generator(0))
    x = rng.integers(0, 7, (1, 10))
    other = x.copy()
    other[0, 6:] = (x[0, 6:] + 1) % 7

    with azuraforge.no_grad():
        y, z = (model(azuraforge.tensor(each)).numpy() for each in (x, other))

    np.testing.assert_array_equal(y[0, :6], z[0, :6])
    assert (y[0, 6] != z[0, 6]).any()


def test_the_loss_of_a_model_that_knows_nothing_is_that_of_a_guess(rng):
    model = GPT(7, Generator(0))
    for w in model.parameters():
        w.data[...] = 0

    assert validation_loss(model, rng.integers(0, 7, 1000)) == pytest.approx(math.log(7), abs=1e-5)


def test_the_text_is_split_as_nanogpt_splits_it(data_of):
    data_of("text")

    data = language.text()

    assert (len(data.train), len(data.validation), data.vocabulary) == (1_003_854, 111_540, 65)


def test_some_steps_do_better_than_a_guess(data_of):
    data_of("text")
    data = language.text()

    model = trained(data, Generator(1), steps=40)

    assert validation_loss(model, data.validation[:6_401]) < math.log(65) - 0.5


@pytest.mark.slow
def test_nanogpts_figure_is_reached(data_of):
    data_of("text")

    (figure,) = figures(Generator(1))

    assert figure.is_reached
