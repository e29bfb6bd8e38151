"""What all augmentation of images has in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from azuraforge.data import transforms as t
from azuraforge.engine import Tensor
from azuraforge.engine.random import Generator, using
from azuraforge.errors import DTypeError, ShapeError

RANDOM: dict[str, Callable[[], t.Transform]] = {
    "RandomCrop": lambda: t.RandomCrop(8, padding=2),
    "RandomHorizontalFlip": t.RandomHorizontalFlip,
    "RandomVerticalFlip": lambda: t.RandomVerticalFlip(0.4),
    "RandomResizedCrop": lambda: t.RandomResizedCrop(7),
    "RandomRotation": lambda: t.RandomRotation(30, "bilinear"),
    "RandomAffine": lambda: t.RandomAffine(20, (0.2, 0.1), (0.8, 1.2), (-5, 5, -3, 3)),
    "ColorJitter": lambda: t.ColorJitter(0.4, 0.4, 0.4, 0.2),
    "GaussianBlur": lambda: t.GaussianBlur(3),
    "GaussianNoise": t.GaussianNoise,
    "RandomErasing": lambda: t.RandomErasing(0.9, value="random"),
    "RandAugment": t.RandAugment,
    "TrivialAugmentWide": t.TrivialAugmentWide,
}
FIXED: dict[str, Callable[[], t.Transform]] = {
    "CenterCrop": lambda: t.CenterCrop((5, 30)),
    "Resize": lambda: t.Resize(6),
    "Normalize": lambda: t.Normalize([0.5] * 3, [0.2] * 3),
}
each_random = pytest.mark.parametrize("name", RANDOM)
each_image_transform = pytest.mark.parametrize("name", [*RANDOM, *FIXED])


def made(name: str) -> t.Transform:
    return (RANDOM | FIXED)[name]()


def images(count: int = 24, side: tuple[int, int] = (10, 12), dtype: Any = np.float32) -> Any:
    return np.random.default_rng(0).uniform(size=(count, 3, *side)).astype(dtype)


@each_image_transform
def test_the_same_generator_gives_the_same_and_the_input_stays(name: str) -> None:
    x = images()
    before = x.copy()

    first, again = made(name)(x, Generator(3)), made(name)(x, Generator(3))
    with using(Generator(3)):
        by_default = made(name)(x)

    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, by_default)
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(first, x)


@each_random
def test_every_image_has_its_own_draw_and_every_seed_others(name: str) -> None:
    x = np.repeat(images(1), 40, axis=0)

    y = made(name)(x, Generator(1))

    assert len({image.tobytes() for image in y}) > 1
    assert not np.array_equal(y, made(name)(x, Generator(2)))


@each_image_transform
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_tensors_leading_axes_and_element_types_are_kept(name: str, dtype: Any) -> None:
    x = images(6, dtype=dtype)

    flat = made(name)(x, Generator(1))
    deep = made(name)(Tensor(x.reshape(2, 3, *x.shape[1:])), Generator(1))

    assert isinstance(deep, Tensor)
    assert flat.dtype == deep.dtype == dtype
    assert deep.shape[:3] == (2, 3, 3)
    np.testing.assert_array_equal(deep.numpy().reshape(flat.shape), flat)
    assert made(name)(x[0], Generator(1)).shape == flat.shape[1:]
    assert made(name)(x[:0], Generator(1)).shape == (0, *flat.shape[1:])


@pytest.mark.parametrize(
    "name", ["ColorJitter", "GaussianNoise", "RandAugment", "TrivialAugmentWide"]
)
def test_pixels_stay_between_0_and_1(name: str) -> None:
    y = made(name)(images(300), Generator(4))

    assert y.min() >= 0
    assert y.max() <= 1


def test_several_are_done_one_after_the_other() -> None:
    both = t.Compose([t.RandomHorizontalFlip(1), lambda x: x * 2, t.RandomVerticalFlip(1)])

    np.testing.assert_array_equal(both(images()), images()[..., ::-1, ::-1] * 2)


def test_what_is_no_float_image_is_refused() -> None:
    with pytest.raises(DTypeError, match=r"uint8; allowed: float numbers: x.astype"):
        t.RandomHorizontalFlip()(np.zeros((3, 4, 4), np.uint8))
    with pytest.raises(ShapeError, match=r"\(4, 4\); allowed: .* \(…, channels, height, width\)"):
        t.RandomHorizontalFlip()(np.zeros((4, 4)))
    with pytest.raises(ShapeError, match="2 channels; allowed: 1 or 3"):
        t.ColorJitter(saturation=1)(np.zeros((2, 4, 4)))
    with pytest.raises(ShapeError, match="3 channels, mean of 2"):
        t.Normalize([0, 0], [1, 1])(np.zeros((3, 4, 4)))
