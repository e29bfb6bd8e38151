"""Convolution and transposed convolution over 1 to 3 axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

from azuraforge.engine import autocast
from azuraforge.engine.device import module_of
from azuraforge.engine.functions.function import function, tensor_of
from azuraforge.engine.functions.pad import padded
from azuraforge.engine.nn.functional.size import Size, batched, sizes, with_height, without_height
from azuraforge.engine.ops import conv
from azuraforge.engine.ops.convolution import convolution, convolution_input
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
]

Padding = Size | Literal["same", "valid"]
Places = dict[str, tuple[int, ...]]  # attributes of an op, for each axis


@function("nn.functional.conv1d")
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of series with kernels whose elements are `dilation` apart.

    Shape:  input (batch, channels, time), weight (out, channels / groups, kernel), bias (out,)
            -> (batch, out, (time + 2 padding - dilation (kernel - 1) - 1) // stride + 1)
    Raises: ShapeError.
    """
    return _convolved(1, input, weight, bias, stride, padding, dilation, groups)


@function("nn.functional.conv2d")
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of images with kernels whose elements are `dilation` apart.

    Shape:  input (batch, channels, height, width), weight (out, channels / groups, kernel height,
            width), bias (out,) -> (batch, out, (height + 2 padding - extent) // stride + 1, …)
            with extent = dilation (kernel - 1) + 1
    Raises: ShapeError.
    """
    return _convolved(2, input, weight, bias, stride, padding, dilation, groups)


@function("nn.functional.conv3d")
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Padding = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """As conv2d, with depth before height and width."""
    return _convolved(3, input, weight, bias, stride, padding, dilation, groups)


@function("nn.functional.conv_transpose1d")
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """What conv1d does to gradients: each element spreads the kernel, times itself.

    Shape:  input (batch, channels, time), weight (channels, out / groups, kernel), bias (out,)
            -> (batch, out, (time - 1) stride - 2 padding + dilation (kernel - 1) + 1 +
            output_padding)
    Raises: ShapeError.
    """
    return _spread(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@function("nn.functional.conv_transpose2d")
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """As conv_transpose1d, over images."""
    return _spread(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@function("nn.functional.conv_transpose3d")
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """As conv_transpose1d, over volumes."""
    return _spread(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def same_padding(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> list[tuple[int, int]]:
    """What to put before and after each axis so that a convolution keeps its size."""
    more = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    return [(n // 2, n - n // 2) for n in more]


def _convolved(
    axes: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Size, padding: Padding,
    dilation: Size, groups: int,
) -> Tensor:  # fmt: skip
    _check(axes, input, weight, bias, weight.shape[:1])
    places = {
        "stride": sizes(stride, axes, "stride"),
        "dilation": sizes(dilation, axes, "dilation"),
    }
    input, places["padding"] = _bordered(
        input, weight.shape[2:], padding, places["stride"], places["dilation"]
    )
    return batched(input, axes, _convolution(axes, weight, bias, places, groups))  # type: ignore[no-any-return]


def checked_padding(padding: Padding, stride: tuple[int, ...]) -> Any:
    """The padding as 'same', 'valid', or numbers. Raises: ConfigError, ShapeError."""
    if not isinstance(padding, str):
        return sizes(padding, len(stride), "padding")
    if padding not in ("same", "valid"):
        raise ConfigError(f"padding is {padding!r}; allowed: numbers, 'same', 'valid'")
    if padding == "same" and any(s != 1 for s in stride):
        raise ConfigError(f"padding 'same' with stride {stride}; allowed: a stride of 1")
    return padding


def _bordered(
    input: Tensor,
    kernel: tuple[int, ...],
    padding: Padding,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[Tensor, tuple[int, ...]]:
    """The input and what is to be put around it; where the sides differ, that is done here."""
    border = checked_padding(padding, stride)
    if border == "valid":
        return input, (0,) * len(stride)
    if border != "same":
        return input, border
    widths = same_padding(kernel, dilation)
    if any(before != after for before, after in widths):
        uneven = [after - before for before, after in widths]
        input = padded(input, [n for after in reversed(uneven) for n in (0, after)])
    return input, tuple(before for before, _ in widths)


def _convolution(
    axes: int, weight: Tensor, bias: Tensor | None, places: Places, groups: int
) -> Callable[[Tensor], Tensor]:
    """A convolution of batches; over series as over images of height 1."""
    if axes == 1:
        return _of_series(_convolution(2, with_height(weight), bias, _flat(places), groups))
    if groups != 1 or axes > 2:
        return lambda x: _shifted(convolution(x, weight, **places, groups=groups), bias)
    b = module_of(weight.data).zeros(len(weight), weight.dtype) if bias is None else bias
    return lambda x: cast(Tensor, conv.conv2d(x, weight, b, **places))


def _spreading(
    axes: int, weight: Tensor, bias: Tensor | None, places: Places, groups: int
) -> Callable[[Tensor], Tensor]:
    """A transposed convolution of batches; over series as over images of height 1."""
    if axes == 1:
        return _of_series(_spreading(2, with_height(weight), bias, _flat(places), groups))
    return lambda x: _shifted(convolution_input(x, weight, **places, groups=groups), bias)


def _of_series(of_images: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: without_height(of_images(with_height(x)))


def _flat(places: Places) -> Places:
    """The places along a series, as those over images of height 1."""
    return {name: (0 if name == "padding" else 1, *each) for name, each in places.items()}


def _spread(
    axes: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Size, padding: Size,
    output_padding: Size, groups: int, dilation: Size,
) -> Tensor:  # fmt: skip
    _check(axes, input, weight, bias, (weight.shape[1] * groups,) if weight.ndim > 1 else ())
    steps, border = sizes(stride, axes, "stride"), sizes(padding, axes, "padding")
    apart, more = sizes(dilation, axes, "dilation"), sizes(output_padding, axes, "output_padding")
    if any(not 0 <= n < max(s, d) for n, s, d in zip(more, steps, apart, strict=True)):
        raise ShapeError(
            f"output_padding {more}; allowed: at least 0, less than stride {steps} or "
            f"dilation {apart}"
        )
    each = zip(input.shape[-axes:], weight.shape[2:], steps, border, apart, more, strict=True)
    size = tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 + m for n, k, s, p, d, m in each)
    if min(size) < 1:
        raise ShapeError(f"input {input.shape} would give the size {size}; pass less padding")
    places = {"size": size, "stride": steps, "padding": border, "dilation": apart}
    return batched(input, axes, _spreading(axes, weight, bias, places, groups))  # type: ignore[no-any-return]


def _shifted(y: Tensor, bias: Tensor | None) -> Tensor:
    return y if bias is None else y + bias.reshape(len(bias), *(1,) * (y.ndim - 2))


def _check(
    axes: int, input: Tensor, weight: Tensor, bias: Tensor | None, out: tuple[int, ...]
) -> None:
    """Raise ShapeError or DTypeError for operands that do not go together."""
    tensor_of(input), tensor_of(weight, "weight")
    if input.ndim not in (axes + 1, axes + 2) or weight.ndim != axes + 2:
        raise ShapeError(
            f"input {input.shape}, weight {weight.shape}; allowed: (batch, channels, …) and "
            f"(…, …, kernel), each with {axes} more axes"
        )
    if bias is not None and bias.shape != out:
        raise ShapeError(f"bias {bias.shape}, weight {weight.shape}; allowed: bias {out}")
    types = [x.dtype for x in (input, weight, bias) if x is not None]
    if len(set(types)) > 1 and autocast.current() is None:  # which makes them alike
        raise DTypeError(f"element types {', '.join(map(str, types))}; allowed: the same for all")
