"""Convolution, pooling, resizing and sampling beside PyTorch's, where its databases have no sample.

Values and the gradients of all inputs, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from azuraforge.engine.nn import functional
from azuraforge.engine.tensor import Tensor

torch = pytest.importorskip("torch", reason="PyTorch is there for comparison (make peers)")

Call = Callable[[Any, Any], Any]  # of a module of functions, and tensors
IMAGE, VOLUME, SERIES = (2, 4, 6, 7), (2, 2, 4, 5, 3), (2, 4, 9)


def resized(**options: Any) -> Call:
    return lambda f, x: f.interpolate(x, **options)


def sampled(**options: Any) -> Call:
    return lambda f, x, grid: f.grid_sample(x, 1.3 * grid, **options)


RESIZED: dict[str, tuple[Any, ...]] = {}
for mode, shape in {
    "nearest": IMAGE, "nearest-exact": IMAGE, "linear": SERIES, "bilinear": IMAGE,
    "bicubic": IMAGE, "trilinear": VOLUME, "area": IMAGE,
}.items():  # fmt: skip
    RESIZED[f"{mode}, larger"] = (resized(scale_factor=1.7, mode=mode), shape)
    RESIZED[f"{mode}, smaller"] = (resized(scale_factor=0.6, mode=mode), shape)
    RESIZED[f"{mode}, scale from sizes"] = (
        resized(scale_factor=1.7, mode=mode, recompute_scale_factor=True), shape,
    )  # fmt: skip
    if mode not in ("nearest", "nearest-exact", "area"):
        for size in (1, 5, 11):
            RESIZED[f"{mode}, corners, {size}"] = (
                resized(size=(size,) * (len(shape) - 2), mode=mode, align_corners=True), shape,
            )  # fmt: skip
for mode in ("bilinear", "bicubic"):
    for size in ((3, 2), (9, 12), (2, 11)):
        for corners in (False, True):
            RESIZED[f"{mode}, antialias, {size}, {corners}"] = (
                resized(size=size, mode=mode, antialias=True, align_corners=corners), IMAGE,
            )  # fmt: skip

SAMPLED: dict[str, tuple[Any, ...]] = {
    f"{mode}, {border}, {corners}, {len(grid) - 2}d": (
        sampled(mode=mode, padding_mode=border, align_corners=corners), shape, grid,
    )
    for mode in ("bilinear", "nearest", "bicubic")
    for border in ("zeros", "border", "reflection")
    for corners in (False, True)
    for shape, grid in ((IMAGE, (2, 5, 4, 2)), (VOLUME, (2, 3, 2, 4, 3)))
    if mode != "bicubic" or len(grid) == 4
}  # fmt: skip

OTHERS: dict[str, tuple[Any, ...]] = {
    "affine_grid": (lambda f, t: f.affine_grid(t, (2, 1, 3, 4), align_corners=False), (2, 2, 3)),
    "affine_grid, corners": (
        lambda f, t: f.affine_grid(t, (2, 1, 3, 1, 4), align_corners=True), (2, 3, 4),
    ),
    "fold": (lambda f, x: f.fold(x, (5, 6), (3, 2), 2, 1, (1, 2)), (2, 12, 9)),
    "fold of one sample": (lambda f, x: f.fold(x, 4, 2), (8, 9)),
    "unfold of one sample": (lambda f, x: f.unfold(x, (2, 3), padding=1), (3, 4, 5)),
    "depthwise": (
        lambda f, x, w, b: f.conv2d(x, w, b, 2, "valid", groups=4), IMAGE, (8, 1, 3, 2), (8,),
    ),
    "same, unevenly": (
        lambda f, x, w: f.conv1d(x, w, padding="same", dilation=3), SERIES, (3, 4, 2),
    ),
    "transposed, wide": (
        lambda f, x, w: f.conv_transpose2d(x, w, None, 1, 1, (2, 1), 2, 3), IMAGE, (4, 3, 2, 2),
    ),
    "power pool of 3 axes": (lambda f, x: f.lp_pool3d(x.abs(), 3.0, 2, 1, True), VOLUME),
    "mean pool, ceil": (
        lambda f, x: f.avg_pool2d(x, 3, 2, 1, True, False), IMAGE,
    ),
    "largest, spread": (lambda f, x: f.max_pool2d(x, 2, 2, 1, 2, True), IMAGE),
    "largest, put back": (
        lambda f, x: f.max_unpool2d(*f.max_pool2d(x, 2, return_indices=True), 2, None, 0, (6, 7)),
        IMAGE,
    ),
}  # fmt: skip
CASES = {**RESIZED, **SAMPLED, **OTHERS}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # PyTorch's own
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_pytorchs(name: str) -> None:
    call, *shapes = CASES[name]
    rng = np.random.default_rng(len(name))
    arrays = [rng.standard_normal(shape) for shape in shapes]
    own = [Tensor(a.copy(), requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]

    y, expected = call(functional, *own), call(torch.nn.functional, *theirs)
    weights = rng.standard_normal(y.shape)
    y.backward(Tensor(weights))
    expected.backward(torch.tensor(weights))

    np.testing.assert_allclose(y.data, expected.detach().numpy(), 1e-9, 1e-11)
    for x, t in zip(own, theirs, strict=True):
        found = np.zeros_like(x.data) if x.grad is None else x.grad.data
        np.testing.assert_allclose(found, t.grad.numpy(), 1e-8, 1e-10)
