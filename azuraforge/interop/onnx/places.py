"""Where a kernel stands on its input: paddings, strides and dilations as ONNX says them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import azuraforge as az
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError
from azuraforge.interop.onnx.values import chosen


@dataclass(frozen=True)
class Places:
    """For each spatial axis: the kernel's size, its steps, and what is padded around."""

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    is_ceiled: bool = False

    @classmethod
    def of(
        cls,
        x: Tensor,
        kernel: Sequence[int],
        strides: Sequence[int] | None,
        pads: Sequence[int] | None,
        dilations: Sequence[int] | None = None,
        auto_pad: str = "NOTSET",
        ceil_mode: int = 0,
    ) -> Places:
        """Raises: ConfigError for an `auto_pad` nobody knows; ShapeError for a wrong count."""
        axes = x.ndim - 2
        stride, dilation = tuple(strides or [1] * axes), tuple(dilations or [1] * axes)
        given = list(pads or [0] * 2 * axes)
        if not len(kernel) == len(stride) == len(dilation) == len(given) / 2 == axes:
            raise ShapeError(
                f"input {x.shape}, kernel {list(kernel)}, strides {stride}, dilations {dilation}, "
                f"pads {given}; allowed: a number for each axis after the first two"
            )
        size = x.shape[2:]
        if auto_pad.startswith("SAME"):
            around = _same(size, kernel, stride, dilation, is_upper=auto_pad == "SAME_UPPER")
        elif auto_pad in ("NOTSET", "VALID", ""):
            around = tuple(zip(given[:axes], given[axes:], strict=True))
        else:
            raise ConfigError(
                f"auto_pad is {auto_pad!r}; allowed: NOTSET, SAME_UPPER, SAME_LOWER, VALID"
            )
        return cls(size, tuple(kernel), stride, dilation, around, bool(ceil_mode))

    @property
    def extent(self) -> tuple[int, ...]:
        """How far the kernel reaches along each axis."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def counts(self) -> tuple[int, ...]:
        """How many places there are along each axis; the last one begins inside the input."""
        found = []
        for n, extent, s, (before, after) in zip(
            self.size, self.extent, self.stride, self.pads, strict=True
        ):
            span = n + before + after - extent
            count = (-(-span // s) if self.is_ceiled else span // s) + 1
            if self.is_ceiled and (count - 1) * s >= n + before:
                count -= 1
            found.append(count)
        if min(found) < 1:
            raise ShapeError(
                f"kernel {self.kernel}, which reaches {self.extent}, is larger than the input "
                f"{self.size} padded by {self.pads}"
            )
        return tuple(found)

    @property
    def around(self) -> list[tuple[int, int]]:
        """What to pad, so that the kernel at its last place ends at the end of the padding."""
        each = zip(self.size, self.extent, self.stride, self.pads, self.counts, strict=True)
        return [
            (before, (count - 1) * s + extent - n - before)
            for n, extent, s, (before, _), count in each
        ]

    @property
    def is_symmetric(self) -> bool:
        return all(before == after for before, after in self.pads)

    def windows(self, x: Tensor) -> Any:
        """What the kernel sees at each place of x, which is padded as `around` says.

        Shape: x (batch, channels, …) -> (batch, channels, *counts, elements of the kernel)
        """
        axes, counts = len(self.kernel), self.counts
        for i, count in enumerate(counts):
            at = np.arange(count)[:, None] * self.stride[i]
            x = chosen(x, 2 + 2 * i, at + np.arange(self.kernel[i]) * self.dilation[i])
        order = (0, 1, *range(2, 2 + 2 * axes, 2), *range(3, 3 + 2 * axes, 2))
        return az.reshape(az.permute(x, *order), *x.shape[:2], *counts, -1)


def _same(
    size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    *,
    is_upper: bool,
) -> tuple[tuple[int, int], ...]:
    """As much as makes ceil(size / stride) places; an odd one goes at the end, or the beginning."""
    around = []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        less, more = total // 2, total - total // 2
        around.append((less, more) if is_upper else (more, less))
    return tuple(around)
