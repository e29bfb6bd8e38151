"""Channels and places exchanged, and windows as columns."""

from __future__ import annotations

from typing import cast

from azuraforge.engine.functions.function import function
from azuraforge.engine.nn.functional.size import Size, sizes
from azuraforge.engine.ops import overlap
from azuraforge.engine.ops.shape import permute, reshape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError

__all__ = ["channel_shuffle", "fold", "pixel_shuffle", "pixel_unshuffle", "unfold"]


@function("nn.functional.pixel_shuffle")
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Groups of upscale_factor² channels as squares of pixels.

    Shape:  (…, channels * r², height, width) -> (…, channels, height * r, width * r)
    Raises: ShapeError.
    Source: Shi et al. (2016), Real-time single image and video super-resolution.
    """
    r = upscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-3] % (r * r):
        raise ShapeError(
            f"input {input.shape}, upscale_factor {r}; allowed: (…, channels, height, width), "
            f"channels a multiple of {r * r}"
        )
    *before, channels, height, width = input.shape
    n, out = len(before), channels // (r * r)
    parts = reshape(input, shape=(*before, out, r, r, height, width))
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return cast(
        Tensor, reshape(permute(parts, dims=order), shape=(*before, out, height * r, width * r))
    )


@function("nn.functional.pixel_unshuffle")
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Squares of downscale_factor² pixels as channels.

    Shape:  (…, channels, height * r, width * r) -> (…, channels * r², height, width)
    Raises: ShapeError.
    """
    r = downscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-1] % r or input.shape[-2] % r:
        raise ShapeError(
            f"input {input.shape}, downscale_factor {r}; allowed: (…, channels, height, width), "
            f"height and width multiples of {r}"
        )
    *before, channels, height, width = input.shape
    n, high, wide = len(before), height // r, width // r
    parts = reshape(input, shape=(*before, channels, high, r, wide, r))
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return cast(
        Tensor, reshape(permute(parts, dims=order), shape=(*before, channels * r * r, high, wide))
    )


@function("nn.functional.channel_shuffle")
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The first channel of each group, then the second of each, and so on.

    Shape:  (batch, channels, …) -> the same
    Raises: ShapeError.
    Source: Zhang et al. (2018), ShuffleNet.
    """
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise ShapeError(
            f"input {input.shape}, groups {groups}; allowed: (batch, channels, …), groups that "
            "divide the channels"
        )
    batch, channels, *size = input.shape
    parts = reshape(input, shape=(batch, groups, channels // groups, *size))
    order = (0, 2, 1, *range(3, parts.ndim))
    return cast(Tensor, reshape(permute(parts, dims=order), shape=input.shape))


@function("nn.functional.unfold")
def unfold(
    input: Tensor, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
) -> Tensor:
    """What a kernel sees at each of its places, as columns.

    Shape:  (batch, channels, height, width) or without the batch
            -> (batch, channels * kernel elements, places)
    Raises: ShapeError.
    """
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise ShapeError(f"input {input.shape}; allowed: (batch, channels, height, width)")
    x = input if input.ndim == 4 else reshape(input, shape=(1, *input.shape))
    y = overlap.unfold(x, **_windows(kernel_size, stride, padding, dilation))
    return y if input.ndim == 4 else reshape(y, shape=y.shape[1:])  # type: ignore[no-any-return]


@function("nn.functional.fold")
def fold(
    input: Tensor,
    output_size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> Tensor:
    """Columns put back where unfold saw them; where they overlap, their sum.

    Shape:  (batch, channels * kernel elements, places) or without the batch
            -> (batch, channels, *output_size)
    Raises: ShapeError.
    """
    if input.ndim not in (2, 3):
        raise ShapeError(f"input {input.shape}; allowed: (batch, channels * kernel, places)")
    size = sizes(output_size, 2, "output_size")
    x = input if input.ndim == 3 else reshape(input, shape=(1, *input.shape))
    y = overlap.fold(x, size=size, **_windows(kernel_size, stride, padding, dilation))
    return y if input.ndim == 3 else reshape(y, shape=y.shape[1:])  # type: ignore[no-any-return]


def _windows(
    kernel_size: Size, stride: Size, padding: Size, dilation: Size
) -> dict[str, tuple[int, ...]]:
    return {
        "kernel": sizes(kernel_size, 2, "kernel_size"),
        "stride": sizes(stride, 2, "stride"),
        "padding": sizes(padding, 2, "padding"),
        "dilation": sizes(dilation, 2, "dilation"),
    }
