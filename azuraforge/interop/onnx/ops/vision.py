"""Places in images: grids, regions, boxes."""

from __future__ import annotations

from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.nn import functional as F
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError
from azuraforge.interop.onnx.converter import converter
from azuraforge.interop.onnx.values import chosen, number

GRID_MODES = {
    "linear": "bilinear", "bilinear": "bilinear", "nearest": "nearest", "cubic": "bicubic",
    "bicubic": "bicubic",
}  # fmt: skip
Array = np.ndarray[Any, Any]


@converter("GridSample", since=16)
def grid_sample(
    x: Tensor, grid: Tensor, *, align_corners: int = 0, mode: str = "linear",
    padding_mode: str = "zeros",
) -> Any:  # fmt: skip
    if mode not in GRID_MODES:
        raise ConfigError(f"mode is {mode!r}; allowed: {', '.join(GRID_MODES)}")
    return F.grid_sample(x, grid, GRID_MODES[mode], padding_mode, bool(align_corners))


@converter("RoiAlign", since=16, host="rois indices")
def roi_align(
    x: Tensor, rois: Any, indices: Any, *, coordinate_transformation_mode: str = "half_pixel",
    mode: str = "avg", output_height: int = 1, output_width: int = 1, sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Any:  # fmt: skip
    """The mean, or the largest share of a corner, of points spread over each cell of regions."""
    shift = 0.5 if coordinate_transformation_mode == "half_pixel" else 0.0
    least = 0.0 if coordinate_transformation_mode == "half_pixel" else 1.0
    found = []
    for (left, top, right, bottom), image in zip(
        rois * spatial_scale - shift, indices, strict=True
    ):
        high, wide = max(bottom - top, least), max(right - left, least)
        down = _points(top, high, output_height, sampling_ratio)
        across = _points(left, wide, output_width, sampling_ratio)
        picture = x[int(image)]
        found.append(_cells(picture, down, across, output_height, output_width, mode))
    return az.stack(found, 0)


@converter("RoiAlign", since=10, host="rois indices")
def roi_align_of_old(
    x: Tensor, rois: Any, indices: Any, *, mode: str = "avg", output_height: int = 1,
    output_width: int = 1, sampling_ratio: int = 0, spatial_scale: float = 1.0,
) -> Any:  # fmt: skip
    """Before opset 16 the corners of pixels are where their centres are now."""
    return roi_align(
        x, rois, indices, coordinate_transformation_mode="output_half_pixel", mode=mode,
        output_height=output_height, output_width=output_width, sampling_ratio=sampling_ratio,
        spatial_scale=spatial_scale,
    )  # fmt: skip


def _points(begin: float, size: float, cells: int, ratio: int) -> Array:
    """Where the sampled points lie along an axis: `ratio` of them in each cell."""
    count = ratio if ratio > 0 else int(np.ceil(size / cells))
    return np.asarray(begin + (np.arange(cells * count) + 0.5) * size / (cells * count))


def _cells(x: Tensor, down: Array, across: Array, rows: int, columns: int, mode: str) -> Any:
    """One picture's cells. Shape: x (channels, height, width) -> (channels, rows, columns)"""
    height, width = x.shape[1:]
    (low, high, share), (near, far, part) = _neighbours(down, height), _neighbours(across, width)
    corners = []
    for y, y_share in ((low, share[0]), (high, share[1])):
        for z, z_share in ((near, part[0]), (far, part[1])):
            weight = np.outer(y_share, z_share).astype(x.dtype)
            taken = chosen(chosen(x, 1, y), 2, z)
            corners.append(taken * Tensor(weight))
    split = (len(x), rows, len(down) // rows, columns, len(across) // columns)
    if mode == "avg":
        return az.mean(az.reshape(sum(corners[1:], start=corners[0]), *split), (2, 4))
    largest = az.amax(az.stack(corners, 0), 0)
    return az.amax(az.reshape(largest, *split), (2, 4))


def _neighbours(at: Array, size: int) -> tuple[Array, Array, Array]:
    """The elements on both sides and their shares; none for what is far outside."""
    is_inside = (at >= -1) & (at <= size)
    at = np.clip(at, 0, size - 1)
    low = np.floor(at).astype(np.int64)
    return low, np.minimum(low + 1, size - 1), np.stack([1 - (at - low), at - low]) * is_inside


@converter("NonMaxSuppression", since=10, host="boxes scores limit iou_threshold score_threshold")
def non_max_suppression(
    boxes: Any, scores: Any, limit: Any = None, iou_threshold: Any = None,
    score_threshold: Any = None, *, center_point_box: int = 0,
) -> Any:  # fmt: skip
    """Rows (image, class, box): the best boxes that overlap no better one by more than allowed."""
    most = 0 if limit is None else int(number(limit))
    overlap = 0.0 if iou_threshold is None else number(iou_threshold)
    found = []
    for image in range(scores.shape[0]):
        corners = _corners(boxes[image], is_centred=bool(center_point_box))
        for kind in range(scores.shape[1]):
            each = scores[image, kind]
            order = np.argsort(-each, kind="stable")
            if score_threshold is not None:
                order = order[each[order] > number(score_threshold)]
            found += [(image, kind, box) for box in _kept(corners, order, overlap)[:most]]
    return np.asarray(found, np.int64).reshape(-1, 3)


def _kept(corners: Array, order: Array, overlap: float) -> list[int]:
    kept: list[int] = []
    for box in order:
        if all(_iou(corners[box], corners[other]) <= overlap for other in kept):
            kept.append(int(box))
    return kept


def _corners(boxes: Array, *, is_centred: bool) -> Array:
    """Lowest and highest corner of each box."""
    if is_centred:  # (x, y, width, height)
        middle, half = boxes[:, :2], boxes[:, 2:] / 2
        return np.concatenate([middle - half, middle + half], 1)
    return np.concatenate(
        [np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], 1
    )


def _iou(a: Array, b: Array) -> float:
    """What two boxes share of what they cover together."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    if (sides <= 0).any():
        return 0.0
    both = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - np.prod(sides)
    return float(np.prod(sides) / both)
