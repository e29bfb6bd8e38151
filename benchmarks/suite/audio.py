"""A WaveNet-like stack of dilated convolutions over samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from benchmarks.library import Library
from benchmarks.workload import Workload


def wavenet(channels: int, layers: int, *, time: int, batch: int, goal: float) -> Workload:
    """Gated causal convolutions with kernel 2 and dilation 1, 2, 4, …, each with a way around it.

    Causal as in most PyTorch code: padded on both sides, the end cut off.

    Source: van den Oord et al. (2016), WaveNet: a generative model for raw audio.
    """

    def model(library: Library) -> Any:
        nn = library.nn

        class Causal(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self, dilation: int) -> None:
                super().__init__()
                self.conv = nn.Conv1d(channels, channels, 2, padding=dilation, dilation=dilation)

            def forward(self, x: Any) -> Any:
                return self.conv(x)[:, :, :time]

        class Gated(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self, dilation: int) -> None:
                super().__init__()
                self.content = Causal(dilation)
                self.gate = Causal(dilation)
                self.out = nn.Conv1d(channels, channels, 1)

            def forward(self, x: Any) -> Any:
                return x + self.out(self.content(x).tanh() * self.gate(x).sigmoid())

        return nn.Sequential(
            nn.Conv1d(1, channels, 1),
            *(Gated(2**layer) for layer in range(layers)),
            nn.ReLU(),
            nn.Conv1d(channels, 1, 1),
        )

    def batch_of(rng: np.random.Generator) -> tuple[Array, Array]:
        wave = rng.standard_normal((batch, 1, time + 1), np.float32)
        return wave[:, :, :-1].copy(), wave[:, :, 1:].copy()

    return Workload(
        name=f"wavenet-{channels}x{layers}",
        text=f"WaveNet-like, {channels} channels, {layers} layers, {time} samples, batch {batch}",
        goal=goal,
        model=model,
        batch=batch_of,
        loss=lambda library, y, target: library.functional.mse_loss(y, target),
    )


ROWS = (wavenet(64, 10, time=1024, batch=8, goal=1.1),)
SMALLEST = (wavenet(2, 2, time=8, batch=2, goal=1.0),)
