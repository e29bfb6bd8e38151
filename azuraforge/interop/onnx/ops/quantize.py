"""Whole numbers that stand for real ones, by a scale and a zero point."""

from __future__ import annotations

from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DTypeError
from azuraforge.interop.onnx.converter import converter
from azuraforge.interop.onnx.ops.constant import as_type
from azuraforge.interop.onnx.ops.conv import conv
from azuraforge.interop.onnx.values import dtype_of

RANGES = {
    "uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "int16": (-32768, 32767),
    "uint4": (0, 15), "int4": (-8, 7), "uint2": (0, 3), "int2": (-2, 1),
}  # fmt: skip
Sizes = list[int] | None


@converter("QuantizeLinear", since=10, takes_any=True)
def quantize(
    x: Tensor, scale: Tensor, zero: Tensor | None = None, *, axis: int = 1, block_size: int = 0,
    output_dtype: int = 0, precision: int = 0, saturate: int = 1,
) -> Any:  # fmt: skip
    """x / scale + zero, rounded to even and kept within the type's range."""
    found = dtype_of(output_dtype) if output_dtype else np.dtype(np.uint8)
    dtype = found if zero is None else zero.dtype
    wide = dtype_of(precision) if precision else np.dtype(np.float32)
    y = _wide(x, wide) / _spread(_wide(scale, wide), x.shape, axis, block_size)
    if dtype.name not in RANGES:
        return as_type(y, dtype, saturates=bool(saturate))
    whole = az.round(y).to("int32") if wide.itemsize < 8 else az.round(y).to("int64")
    if zero is not None:
        whole = whole + _spread(_wide(zero, np.dtype(np.int32)), x.shape, axis, block_size)
    return as_type(az.clamp(whole, *RANGES[dtype.name]), dtype)


@converter("DequantizeLinear", since=10, takes_any=True)
def dequantize(
    x: Tensor, scale: Tensor, zero: Tensor | None = None, *, axis: int = 1, block_size: int = 0,
    output_dtype: int = 0,
) -> Any:  # fmt: skip
    """(x - zero) scale"""
    y = _wide(x, np.dtype(np.float32))
    if zero is not None:
        y = y - _spread(_wide(zero, np.dtype(np.float32)), x.shape, axis, block_size)
    y = y * _spread(_wide(scale, np.dtype(np.float32)), x.shape, axis, block_size)
    return as_type(y, dtype_of(output_dtype) if output_dtype else scale.dtype)


@converter("DynamicQuantizeLinear", since=11)
def dynamic_quantize(x: Tensor) -> Any:
    """To bytes, by the scale at which the range of x, and zero, just fits."""
    low, high = az.clamp(az.amin(x), max=0), az.clamp(az.amax(x), min=0)
    scale = (high - low) / 255
    zero = az.clamp(az.round(-low / scale), 0, 255).to("uint8")
    return quantize(x, scale, zero), scale, zero


@converter("MatMulInteger", since=10)
def matmul_integer(
    a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None
) -> Any:
    return az.matmul(_centred(a, a_zero, -2), _centred(b, b_zero, -1)).to("int32")


@converter("QLinearMatMul", since=10, takes_any=True)
def quantized_matmul(
    a: Tensor, a_scale: Tensor, a_zero: Tensor, b: Tensor, b_scale: Tensor, b_zero: Tensor,
    y_scale: Tensor, y_zero: Tensor,
) -> Any:  # fmt: skip
    product = az.matmul(_centred(a, a_zero, -2), _centred(b, b_zero, -1))
    share = _wide(a_scale, F32) * _wide(b_scale, F32)
    return quantize(product.to("float32") * share, _wide(y_scale, F32), y_zero, axis=-1)


@converter("ConvInteger", since=10)
def conv_integer(
    x: Tensor, w: Tensor, x_zero: Tensor | None = None, w_zero: Tensor | None = None,
    *, auto_pad: str = "NOTSET", dilations: Sizes = None, group: int = 1,
    kernel_shape: Sizes = None, pads: Sizes = None, strides: Sizes = None,
) -> Any:  # fmt: skip
    """In float64, which holds every sum of products of bytes that an int32 does."""
    y = conv(
        _centred(x, x_zero, 1).to("float64"), _centred(w, w_zero, 0).to("float64"),
        auto_pad=auto_pad, dilations=dilations, group=group, pads=pads, strides=strides,
    )  # fmt: skip
    return az.round(y).to("int32")


@converter("QLinearConv", since=10)
def quantized_conv(
    x: Tensor, x_scale: Tensor, x_zero: Tensor, w: Tensor, w_scale: Tensor, w_zero: Tensor,
    y_scale: Tensor, y_zero: Tensor, b: Tensor | None = None, *, auto_pad: str = "NOTSET",
    dilations: Sizes = None, group: int = 1, kernel_shape: Sizes = None, pads: Sizes = None,
    strides: Sizes = None,
) -> Any:  # fmt: skip
    y = conv_integer(
        x, w, x_zero, w_zero, auto_pad=auto_pad, dilations=dilations, group=group, pads=pads,
        strides=strides,
    )  # fmt: skip
    if b is not None:
        y = y + az.reshape(b, -1, *(1,) * (x.ndim - 2))
    share = _spread(x_scale * w_scale, y.shape, 1, 0)
    return quantize(y.to("float32") * share, y_scale, y_zero)


F32 = np.dtype(np.float32)


def _centred(x: Tensor, zero: Tensor | None, axis: int) -> Any:
    """x less its zero point, as int32."""
    whole = np.dtype(np.int32)
    y = _wide(x, whole)
    return y if zero is None else y - _spread(_wide(zero, whole), x.shape, axis % x.ndim, 0)


def _wide(x: Tensor, dtype: np.dtype[Any]) -> Any:
    found = as_type(x, dtype)
    return found if isinstance(found, Tensor) else Tensor(found)


def _spread(scale: Tensor, shape: tuple[int, ...], axis: int, block: int) -> Any:
    """One number, one per place along an axis, or one per block along it, as it broadcasts.

    Raises: DTypeError for a scale of another shape.
    """
    if scale.ndim == 0 or (scale.shape == (1,) and not block):
        return az.reshape(scale, *()) if scale.ndim else scale
    axis = axis % len(shape)
    if scale.ndim == 1:
        return az.reshape(scale, -1, *(1,) * (len(shape) - 1 - axis))
    if not block:
        return scale
    if scale.ndim != len(shape):
        raise DTypeError(
            f"a scale of shape {scale.shape} does not fit {shape} in blocks of {block}"
        )
    wide = az.repeat_interleave(scale, block, axis)
    return az.narrow(wide, axis, 0, shape[axis])
