"""Tones of an image: fewer of them, turned over, stretched, evened out, and sharper edges."""

from __future__ import annotations

import numpy as np

from azuraforge.engine.device import Array


def posterize(x: Array, bits: Array) -> Array:
    """The pixels in 2 ** bits tones."""
    tones = (2.0**bits).astype(x.dtype).reshape(-1, 1, 1, 1)
    return np.clip(np.floor(x * tones), 0, tones - 1) / tones


def solarize(x: Array, thresholds: Array) -> Array:
    """What is as bright as the threshold, turned over."""
    return np.where(x >= thresholds.astype(x.dtype).reshape(-1, 1, 1, 1), 1 - x, x)


def autocontrast(x: Array, _: Array) -> Array:
    """Every channel stretched from 0 to 1; a channel of one tone stays."""
    low, high = x.min(axis=(2, 3), keepdims=True), x.max(axis=(2, 3), keepdims=True)
    still = low == high
    return np.clip((x - np.where(still, 0, low)) / np.where(still, 1, high - low), 0, 1)


def equalize(x: Array, _: Array) -> Array:
    """Every channel with about as many pixels of every tone, of 256.

    The table is that of PIL's ImageOps.equalize, which torchvision follows.
    """
    tones = np.clip(np.floor(x * 255.999), 0, 255).astype(np.int64)
    y = tones.copy()
    for image in np.ndindex(x.shape[:2]):
        counts = np.bincount(tones[image].ravel(), minlength=256)
        step = (tones[image].size - counts[np.flatnonzero(counts)[-1]]) // 255
        if step:
            below = np.concatenate(([0], counts.cumsum()[:-1]))
            table = np.clip((below + step // 2) // step, 0, 255)
            y[image] = table[tones[image]]
    return y.astype(x.dtype) / x.dtype.type(255)


def sharpness(x: Array, factors: Array) -> Array:
    """Blurred below a factor of 1, sharpened above; the outermost pixels stay."""
    if min(x.shape[2:]) <= 2:
        return x
    height, width = x.shape[2:]
    blurred = x.copy()
    around = [
        x[:, :, down : height - 2 + down, right : width - 2 + right]
        for down in range(3)
        for right in range(3)
    ]
    blurred[:, :, 1:-1, 1:-1] = (sum(around) + 4 * around[4]) / 13
    share = factors.astype(x.dtype).reshape(-1, 1, 1, 1)
    return np.clip(share * x + (1 - share) * blurred, 0, 1)
