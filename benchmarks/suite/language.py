"""A small GPT over characters."""

from __future__ import annotations

from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from benchmarks.library import Library
from benchmarks.workload import Workload


def gpt(
    layers: int, heads: int, width: int, *, context: int, vocabulary: int, batch: int, goal: float
) -> Workload:
    """nanoGPT's shape: norms before attention and MLP, learned positions, no dropout.

    Source: Radford et al. (2019), Language models are unsupervised multitask learners.
    """

    def model(library: Library) -> Any:
        nn = library.nn

        class Attention(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.into = nn.Linear(width, 3 * width)
                self.out = nn.Linear(width, width)

            def forward(self, x: Any) -> Any:
                rows, time, _ = x.shape
                split = self.into(x).reshape(rows, time, 3, heads, width // heads)
                q, k, v = (split[:, :, i].transpose(1, 2) for i in range(3))
                attend = library.functional.scaled_dot_product_attention
                y = attend(q, k, v, is_causal=True)
                return self.out(y.transpose(1, 2).reshape(rows, time, width))

        class Block(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.norm_1 = nn.LayerNorm(width)
                self.attention = Attention()
                self.norm_2 = nn.LayerNorm(width)
                self.mlp = nn.Sequential(
                    nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
                )

            def forward(self, x: Any) -> Any:
                x = x + self.attention(self.norm_1(x))
                return x + self.mlp(self.norm_2(x))

        class GPT(nn.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.tokens = nn.Embedding(vocabulary, width)
                self.places = nn.Embedding(context, width)
                self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
                self.norm = nn.LayerNorm(width)
                self.head = nn.Linear(width, vocabulary, bias=False)
                self.order = library.tensor(np.arange(context))

            def forward(self, x: Any) -> Any:
                y = self.blocks(self.tokens(x) + self.places(self.order))
                return self.head(self.norm(y)).reshape(-1, vocabulary)

        return GPT()

    def batch_of(rng: np.random.Generator) -> tuple[Array, Array]:
        tokens = rng.integers(0, vocabulary, (batch, context + 1))
        return tokens[:, :-1].copy(), tokens[:, 1:].reshape(-1)

    return Workload(
        name=f"gpt-{layers}x{width}",
        text=f"GPT {layers} layers, {heads} heads, {width} wide, context {context}, batch {batch}",
        goal=goal,
        model=model,
        batch=batch_of,
        loss=lambda library, y, target: library.functional.cross_entropy(y, target),
        optimizer="AdamW",
    )


ROWS = (gpt(4, 4, 128, context=64, vocabulary=65, batch=12, goal=1.3),)
SMALLEST = (gpt(1, 2, 4, context=3, vocabulary=5, batch=2, goal=1.0),)
