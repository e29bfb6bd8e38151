"""Fourier transforms and what goes with sound. (Windows have bodies of their own.)"""

from __future__ import annotations

from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.tensor import Tensor
from azuraforge.interop.onnx.converter import converter
from azuraforge.interop.onnx.values import chosen, dtype_of, number


@converter("DFT", since=17, host="dft_length")
def dft_attribute(
    x: Tensor, dft_length: Any = None, *, axis: int = 1, inverse: int = 0, onesided: int = 0
) -> Any:
    return dft(x, dft_length, np.asarray(axis), inverse=inverse, onesided=onesided)


@converter("DFT", since=20, host="dft_length axis")
def dft(
    x: Tensor, dft_length: Any = None, axis: Any = None, *, inverse: int = 0, onesided: int = 0
) -> Any:
    """Complex numbers are pairs in the last axis, real ones single; `onesided` keeps one half."""
    dim = (-2 if axis is None else int(number(axis))) % x.ndim
    length = None if dft_length is None else int(number(dft_length))
    is_complex = x.shape[-1] == 2
    signal = az.view_as_complex(az.contiguous(x)) if is_complex else az.squeeze(x, -1)
    if inverse and onesided:
        return az.unsqueeze(az.fft.irfft(signal, length, dim), -1)
    if inverse:
        return az.view_as_real(az.fft.ifft(signal, length, dim))
    y = az.fft.fft(signal, length, dim)
    return az.view_as_real(az.narrow(y, dim, 0, y.shape[dim] // 2 + 1) if onesided else y)


@converter("STFT", since=17, host="frame_step frame_length")
def stft(
    x: Tensor, frame_step: Any, window: Tensor | None = None, frame_length: Any = None,
    *, onesided: int = 1,
) -> Any:  # fmt: skip
    """Transforms of frames. Shape: x (batch, time, 1 or 2) -> (batch, frames, frequencies, 2)"""
    step = int(number(frame_step))
    if frame_length is not None:
        length = int(number(frame_length))
    else:
        length = x.shape[1] if window is None else window.shape[0]
    begins = np.arange(0, x.shape[1] - length + 1, step)
    frames = chosen(x, 1, begins[:, None] + np.arange(length))
    if window is not None:
        frames = frames * az.reshape(window, -1, 1)
    return dft(frames, None, np.asarray(2), onesided=onesided)


@converter("MelWeightMatrix", since=17, host="bins dft_length sample_rate lower upper")
def mel_weight_matrix(
    bins: Any, dft_length: Any, sample_rate: Any, lower: Any, upper: Any,
    *, output_datatype: int = 1,
) -> Any:  # fmt: skip
    """Triangles over frequencies, equally far apart on the mel scale."""
    count, length = int(number(bins)), int(number(dft_length))
    low, high = (2595 * np.log10(1 + number(edge) / 700) for edge in (lower, upper))
    mels = low + np.arange(count + 2) * (high - low) / (count + 2)
    hertz = 700 * (10 ** (mels / 2595) - 1)
    peaks = ((length + 1) * hertz // number(sample_rate)).astype(int)
    weights = np.zeros((length // 2 + 1, count))
    at = np.arange(len(weights))
    for i, (left, middle, right) in enumerate(zip(peaks, peaks[1:], peaks[2:], strict=False)):
        rises, falls = (left <= at) & (at <= middle), (middle <= at) & (at < right)
        if middle > left:
            weights[rises, i] = (at[rises] - left) / (middle - left)
        weights[middle, i] = 1
        weights[falls, i] = (right - at[falls]) / max(right - middle, 1)
    return weights.astype(dtype_of(output_datatype))
