"""Augmentation of images: against PyTorch's functions and formulas, and what all have in common."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.data import transforms as t
from azuraforge.engine.data.transforms import affine, colour, noise, resize, tone
from azuraforge.engine.random import Generator
from azuraforge.errors import ConfigError, ShapeError


def images(count: int = 24, side: tuple[int, int] = (10, 12), dtype: Any = np.float32) -> Any:
    return np.random.default_rng(0).uniform(size=(count, 3, *side)).astype(dtype)


def test_a_share_p_of_the_images_is_flipped_and_the_others_stay() -> None:
    x = images(2000, (2, 3))

    y = t.RandomHorizontalFlip(0.3)(x, Generator(0))

    flipped = (y == x[..., ::-1]).all(axis=(1, 2, 3))
    assert (y[~flipped] == x[~flipped]).all()
    assert abs(flipped.mean() - 0.3) < 0.05


@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    padding=st.sampled_from([0, 3, (1, 2), (0, 1, 2, 3)]),
    seed=st.integers(0, 99),
)
def test_a_crop_is_a_part_of_the_padded_image(
    size: tuple[int, int], padding: Any, seed: int
) -> None:
    x = np.arange(1.0, 91.0).reshape(1, 1, 9, 10)
    left, top, right, bottom = {0: (0,) * 4, 3: (3,) * 4, (1, 2): (1, 2, 1, 2)}.get(
        padding, padding
    )
    whole = np.pad(x[0, 0], ((top, bottom), (left, right)), constant_values=-1)

    y = t.RandomCrop(size, padding, fill=-1)(x, Generator(seed))[0, 0]

    windows = np.lib.stride_tricks.sliding_window_view(whole, size).reshape(-1, *size)
    assert (windows == y).all(axis=(1, 2)).any()


def test_every_place_of_a_crop_is_as_likely() -> None:
    x = np.broadcast_to(np.arange(5.0), (5000, 1, 1, 5))

    y = t.RandomCrop((1, 3))(x, Generator(1))

    assert (abs(np.bincount(y[:, 0, 0, 0].astype(int)) - 5000 / 3) < 200).all()


def test_a_crop_larger_than_the_image_is_refused_or_padded() -> None:
    with pytest.raises(ShapeError, match=r"size \(11, 11\) of images \(10, 12\)"):
        t.RandomCrop(11)(images())

    assert t.RandomCrop(20, pad_if_needed=True)(images()).shape[2:] == (20, 20)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("size", [(4, 5), (23, 31), (10, 3)])
def test_a_resized_image_is_pytorchs_anti_aliased_one(mode: Any, size: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    x = images(dtype=np.float64)

    y = t.Resize(size, mode)(x)

    options = {} if mode == "nearest" else {"antialias": True, "align_corners": False}
    expected = torch.nn.functional.interpolate(torch.tensor(x), size, mode=mode, **options)
    np.testing.assert_allclose(y, expected.numpy(), rtol=1e-6, atol=1e-6)


def test_of_one_number_the_smaller_edge_gets_it() -> None:
    assert t.Resize(5)(images(side=(10, 30))).shape[2:] == (5, 15)
    assert t.Resize(5)(images(side=(30, 10))).shape[2:] == (15, 5)


def test_every_box_of_a_batch_is_resized_as_it_would_be_alone() -> None:
    x, numbers = images(4), np.arange(4)
    tops, heights, lefts, widths = numbers % 3, 7 - numbers, numbers, 8 - numbers

    together = resize.resized(x, tops, heights, lefts, widths, (5, 6), "bilinear")

    for i, image in enumerate(x):
        part = image[:, tops[i] : tops[i] + heights[i], lefts[i] : lefts[i] + widths[i]]
        np.testing.assert_allclose(together[i], t.Resize((5, 6))(part), rtol=1e-5)


def test_random_boxes_have_areas_and_shapes_of_their_ranges() -> None:
    heights, widths, fits = resize.boxes(Generator(0), 4000, (100, 80), (0.1, 0.4), (0.5, 2.0))

    assert fits.mean() > 0.99
    area = heights * widths / 8000
    ratio = widths / heights
    bounds = [area.min(), area.max(), ratio.min(), ratio.max()]
    np.testing.assert_allclose(bounds, [0.1, 0.4, 0.5, 2.0], rtol=0.06)
    assert ((heights <= 100) & (widths <= 80))[fits].all()


def test_where_no_box_fits_the_middle_is_taken() -> None:
    x = images(1, (10, 30))

    y = t.RandomResizedCrop((10, 10), scale=(1, 1), ratio=(1.0, 1.0))(x)

    np.testing.assert_allclose(y, x[..., 10:20], rtol=1e-6)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@given(seed=st.integers(0, 999), height=st.integers(1, 9), width=st.integers(1, 9))
def test_an_affine_image_is_that_of_pytorchs_grid(
    mode: Any, seed: int, height: int, width: int
) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(2, 2, height, width))
    degrees, moves = rng.uniform(-180, 180, 2), rng.uniform(-2, 2, (2, 2))
    scales, shears = rng.uniform(0.5, 2, 2), rng.uniform(-30, 30, (2, 2))

    y = affine.affine(x, degrees, moves, scales, shears, interpolation=mode)

    linear = affine._linear(2, degrees, scales, shears)
    pixels = np.concatenate((np.linalg.inv(linear), -np.linalg.inv(linear) @ moves[:, :, None]), 2)
    half = np.array([width, height]) / 2
    theta = pixels * np.append(half, 1.0) / half[:, None]
    grid = torch.nn.functional.affine_grid(torch.tensor(theta), x.shape, align_corners=False)
    expected = torch.nn.functional.grid_sample(
        torch.tensor(x), grid, mode, padding_mode="zeros", align_corners=False
    )
    np.testing.assert_allclose(y, expected.numpy(), atol=1e-9)


def test_turns_shears_scales_and_moves_are_what_they_are_called() -> None:
    x = np.zeros((1, 1, 5, 5))
    x[0, 0, 1, 3] = 1  # upper right

    def spot(**how: Any) -> list[int]:
        y = affine.affine(x, **{"degrees": np.zeros(1), **how})
        return [int(n) for n in np.argwhere(y[0, 0] == 1)[0]]

    assert spot(degrees=np.array([90.0])) == [3, 3]  # clockwise
    assert spot(moves=np.array([[1.0, 2.0]])) == [3, 4]
    assert spot(scales=np.array([2.0]))[0] == 0
    assert spot(shears=np.array([[45.0, 0.0]])) == [1, 4]  # along x: what is above goes right
    np.testing.assert_array_equal(
        t.RandomRotation((90, 90))(x)[0, 0], np.rot90(x[0, 0])
    )  # counter-clockwise


def test_what_was_outside_is_filled_channel_by_channel() -> None:
    x = np.zeros((1, 3, 4, 4))

    y = t.RandomAffine(0, translate=(1, 1), fill=(1, 2, 3))(np.repeat(x, 50, 0), Generator(0))

    assert set(map(tuple, y.transpose(0, 2, 3, 1).reshape(-1, 3))) == {(0, 0, 0), (1, 2, 3)}


def test_hues_turn_as_those_of_colorsys() -> None:
    x, turns = images(3, (4, 5), np.float64), np.array([0.1, -0.3, 0.5])

    y = colour.hue(x, turns)

    for image, turned, turn in zip(x, y, turns, strict=True):
        for pixel, found in zip(image.reshape(3, -1).T, turned.reshape(3, -1).T, strict=True):
            h, s, v = colorsys.rgb_to_hsv(*pixel)
            np.testing.assert_allclose(found, colorsys.hsv_to_rgb((h + turn) % 1, s, v), atol=1e-12)


def test_brightness_contrast_and_saturation_are_blends() -> None:
    x, factors = images(2, dtype=np.float64) * 0.4 + 0.2, np.array([0.5, 1.2])
    grey = (x * np.array([0.2989, 0.587, 0.114])[:, None, None]).sum(axis=1, keepdims=True)
    f = factors.reshape(-1, 1, 1, 1)

    np.testing.assert_allclose(colour.brightness(x, factors), np.clip(f * x, 0, 1))
    mean = grey.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(colour.contrast(x, factors), np.clip(f * x + (1 - f) * mean, 0, 1))
    np.testing.assert_allclose(colour.saturation(x, factors), np.clip(f * x + (1 - f) * grey, 0, 1))
    one = x[:, :1]
    assert colour.saturation(one, factors) is colour.hue(one, factors) is one


def test_the_order_of_colour_changes_differs_from_image_to_image() -> None:
    x = np.repeat(images(1), 100, axis=0)

    y = t.ColorJitter((0.5, 0.5), (1.5, 1.5), (0.2, 0.2), (0.2, 0.2))(x, Generator(1))

    assert 10 < len({image.tobytes() for image in y}) <= 24


def test_tones() -> None:
    x = np.array([0.0, 0.3, 0.5, 0.9, 1.0]).reshape(1, 1, 1, 5)

    two = tone.posterize(x, np.array([1.0]))
    over = tone.solarize(x, np.array([0.5]))
    stretched = tone.autocontrast(x * 0.5 + 0.1, x)

    assert two.ravel().tolist() == [0, 0, 0.5, 0.5, 0.5]
    np.testing.assert_allclose(over.ravel(), [0, 0.3, 0.5, 0.1, 0])
    np.testing.assert_allclose(stretched, x, atol=1e-12)
    still = np.full((1, 1, 2, 2), 0.4)
    np.testing.assert_array_equal(tone.autocontrast(still, x), still)


def test_tones_are_evened_out() -> None:
    x = np.linspace(0, 1, 4096).reshape(1, 1, 64, 64) ** 3

    y = tone.equalize(x, x)

    counts = np.histogram(y, bins=8, range=(0, 1))[0]
    assert counts.max() / counts.min() < 2  # of x itself 11
    assert (np.diff(y.ravel()) >= 0).all()
    flat = np.full((1, 1, 8, 8), 51 / 255)
    np.testing.assert_allclose(tone.equalize(flat, flat), flat)


@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 1.8])
def test_edges_are_sharpened_by_a_kernel_of_thirteenths(factor: float) -> None:
    torch = pytest.importorskip("torch")
    x = images(2, dtype=np.float64)
    kernel = torch.ones(3, 1, 3, 3, dtype=torch.float64) / 13
    kernel[:, :, 1, 1] = 5 / 13
    blurred = x.copy()
    blurred[:, :, 1:-1, 1:-1] = torch.nn.functional.conv2d(torch.tensor(x), kernel, groups=3)

    y = tone.sharpness(x, np.full(2, factor))

    expected = np.clip(factor * x + (1 - factor) * blurred, 0, 1)
    np.testing.assert_allclose(y, expected, atol=1e-12)


def test_a_blurred_image_is_a_convolution_with_a_gaussian() -> None:
    torch = pytest.importorskip("torch")
    x, sigmas = images(2, dtype=np.float64), np.array([0.5, 1.7])

    y = noise.blurred(x, (5, 3), sigmas)

    for image, found, sigma in zip(x, y, sigmas, strict=True):
        across, down = (np.exp(-(np.arange(-h, h + 1) ** 2) / (2 * sigma**2)) for h in (2, 1))
        kernel = np.outer(down / down.sum(), across / across.sum())
        around = torch.nn.functional.pad(torch.tensor(image)[None], (2, 2, 1, 1), mode="reflect")
        weights = torch.tensor(kernel).expand(3, 1, 3, 5)
        expected = torch.nn.functional.conv2d(around, weights, groups=3)[0]
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-12)


def test_noise_has_the_mean_and_spread_asked_for() -> None:
    x = np.zeros((20, 3, 50, 50))

    y = t.GaussianNoise(0.2, 0.3, clip=False)(x, Generator(0))

    assert abs(y.mean() - 0.2) < 0.01
    assert abs(y.std() - 0.3) < 0.01


def test_what_is_erased_is_a_box_of_an_area_and_shape_in_range() -> None:
    x = np.zeros((500, 1, 40, 60))

    y = t.RandomErasing(0.6, (0.1, 0.3), (0.5, 2.0), value=1)(x, Generator(0))[:, 0]

    erased = y.any(axis=(1, 2))
    assert abs(erased.mean() - 0.6) < 0.08
    for image in y[erased]:
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert image.sum() == height * width
        assert 0.09 < height * width / 2400 < 0.32
        assert 0.45 < height / width < 2.2


def test_normalized_channels_are_those_of_the_formula() -> None:
    x = images()

    y = t.Normalize((0.1, 0.2, 0.3), (1, 2, 4))(x)

    for channel, (mean, std) in enumerate(((0.1, 1), (0.2, 2), (0.3, 4))):
        np.testing.assert_allclose(y[:, channel], (x[:, channel] - mean) / std, rtol=1e-5)


def test_no_strength_at_all_changes_nothing_but_tones() -> None:
    x = images(200)

    y = t.RandAugment(num_ops=1, magnitude=0)(x, Generator(0))

    same = np.isclose(y, x, atol=1e-6).all(axis=(1, 2, 3))
    assert 0.55 < same.mean() < 0.95  # posterize, autocontrast and equalize are 3 of 14


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: t.RandomCrop(0), "RandomCrop: size 0"),
        (lambda: t.RandomCrop(3, padding=(1, 2, 3)), "padding"),
        (lambda: t.RandomHorizontalFlip(1.5), "RandomHorizontalFlip: p 1.5"),
        (lambda: t.Resize(3, "cubic"), "interpolation 'cubic'"),
        (lambda: t.RandomRotation(-3), "RandomRotation: degrees -3"),
        (lambda: t.RandomAffine(0, translate=(2, 0)), "translate"),
        (lambda: t.RandomAffine(0, scale=(2, 1)), "scale"),
        (lambda: t.ColorJitter(hue=0.6), "hue 0.6"),
        (lambda: t.ColorJitter(brightness=-1), "brightness -1"),
        (lambda: t.GaussianBlur(4), "kernel_size 4"),
        (lambda: t.GaussianNoise(sigma=-1), "sigma -1"),
        (lambda: t.Normalize([0], [0]), "no std 0"),
        (lambda: t.RandAugment(magnitude=31), "magnitude 31"),
        (lambda: t.TrivialAugmentWide(1), "num_magnitude_bins 1"),
    ],
)
def test_options_that_cannot_be_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
