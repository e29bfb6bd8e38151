"""What is written is what the model's own logits say, drawn as the request asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from azuraforge_text.config import ModelConfig
from azuraforge_text.corpus import UNKNOWN, Vocabulary
from azuraforge_text.transformer import Transformer
from azuraforge_text.writing import Request, drawn, probabilities, request_of, write
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from azuraforge.engine import Generator, Tensor, no_grad
from azuraforge.engine.random import using

VOCABULARY = Vocabulary.of("abcdefgh ")
CONTEXT = 8
LOGITS = arrays(np.float32, 10, elements=st.floats(-30, 30, width=32))


@pytest.mark.parametrize("prompt", ["a", "head", "a bad cabbage faded"])
@pytest.mark.parametrize("length", [1, CONTEXT, 5 * CONTEXT])
@pytest.mark.parametrize("temperature", [0, 4])
def test_a_text_is_that_of_the_model_asked_anew_for_every_character(
    prompt: str, length: int, temperature: float
) -> None:
    model = small_model(seed=1)
    request = Request(prompt=prompt, length=length, temperature=temperature)

    assert write(model, VOCABULARY, request) == slowly(model, request)


def test_a_cache_gives_the_logits_of_reading_everything_at_once() -> None:
    model = small_model(seed=2)
    codes = np.array([[1, 5, 2, 2, 7, 3, 9, 4]])
    caches = model.caches()

    with no_grad():
        begin = model.read(Tensor(codes[:, :3]), caches).numpy()
        steps = [model.read(Tensor(codes[:, i : i + 1]), caches).numpy() for i in range(3, 8)]
        at_once = model(Tensor(codes)).numpy()

    np.testing.assert_allclose(np.concatenate([begin, *steps], 1), at_once, rtol=1e-4, atol=1e-5)


def test_a_character_is_told_from_those_before_it_alone() -> None:
    model = small_model(seed=3)
    codes = np.array([[1, 5, 2, 2, 7, 3, 9, 4]])
    changed = codes.copy()
    changed[0, 5:] = [8, 8, 8]

    with no_grad():
        before, after = model(Tensor(codes)).numpy(), model(Tensor(changed)).numpy()

    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert not np.allclose(before[:, 5:], after[:, 5:])


def test_the_same_request_is_the_same_text_and_another_seed_another_one() -> None:
    model = small_model(seed=4)

    first, again, other = (
        write(model, VOCABULARY, Request(prompt="a", length=60, temperature=5, seed=seed))
        for seed in (7, 7, 8)
    )

    assert first == again != other
    assert len(first) == 60
    assert set(first) <= set(VOCABULARY.characters)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 9.0])
def test_the_top_one_is_the_likeliest_at_every_temperature(temperature: float) -> None:
    model = small_model(seed=5)
    greedy = Request(prompt="head", length=40, temperature=0)
    top_1 = Request(prompt="head", length=40, temperature=temperature, top_k=1, seed=3)

    assert write(model, VOCABULARY, top_1) == write(model, VOCABULARY, greedy)


@given(logits=LOGITS, temperature=st.floats(0.2, 10), top_k=st.none() | st.integers(1, 12))
def test_probabilities_are_the_softmax_of_the_largest_known(
    logits: np.ndarray[Any, Any], temperature: float, top_k: int | None
) -> None:
    found = probabilities(logits, temperature, top_k)

    ranked = sorted(range(1, 10), key=lambda code: (-logits[code], code))[:top_k]
    powers = {code: np.exp(np.float64(logits[code]) / temperature) for code in ranked}
    expected = [powers.get(code, 0.0) / sum(powers.values()) for code in range(10)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-300)
    assert found[UNKNOWN] == 0


@pytest.mark.parametrize("temperature", [1e-300, 1e-9])
def test_a_temperature_near_zero_is_the_likeliest_without_a_nan(temperature: float) -> None:
    logits = np.array([9, 1, 3, 2], np.float32)

    np.testing.assert_array_equal(probabilities(logits, temperature, None), [0, 0, 1, 0])


def test_codes_are_drawn_as_often_as_the_softmax_says() -> None:
    logits = np.random.default_rng(0).normal(0, 1, 10).astype(np.float32)
    request = Request(prompt="a", temperature=1.5, top_k=6)
    generator, draws = Generator(0), 20_000

    counts = np.bincount([drawn(logits, request, generator) for _ in range(draws)], minlength=10)

    largest = np.argsort(-logits[1:])[:6] + 1
    powers = np.exp(logits[largest].astype(np.float64) / 1.5)
    expected = draws * powers / powers.sum()
    assert counts.sum() == counts[largest].sum()  # nothing outside the six
    chi_square = np.sum((counts[largest] - expected) ** 2 / expected)
    assert chi_square < 20.5  # of 5 degrees of freedom: one seed in a thousand exceeds it


def test_a_text_alone_is_a_request_with_the_defaults() -> None:
    assert request_of("head", 0, VOCABULARY) == Request(
        prompt="head", length=200, temperature=0.8, top_k=None, seed=0
    )


def small_model(*, seed: int) -> Transformer:
    """Of weights large enough that no two characters are equally likely."""
    config = ModelConfig(layers=2, heads=2, width=16, context=CONTEXT)
    with using(Generator(seed)):
        model = Transformer(len(VOCABULARY), config)
    rng = np.random.default_rng(seed)
    for parameter in model.parameters():
        parameter.data[...] = rng.normal(0, 0.5, parameter.shape)
    return model.eval()


def slowly(model: Transformer, request: Request) -> str:
    """What is to be written, by one whole forward pass a character, without caches."""
    codes = [VOCABULARY.characters.index(c) + 1 for c in request.prompt]
    generator = Generator(request.seed)
    start = max(0, len(codes) - CONTEXT)
    for written in range(request.length):
        if written and len(codes) - start > CONTEXT:
            start = len(codes) - CONTEXT // 2
        with no_grad():
            logits = model(Tensor(np.array([codes[start:]]))).numpy()[0, -1]
        is_greedy = request.temperature == 0
        greedy = 1 + int(logits[1:].argmax())
        codes.append(greedy if is_greedy else drawn(logits, request, generator))
    return "".join(VOCABULARY.characters[code - 1] for code in codes[-request.length :])
