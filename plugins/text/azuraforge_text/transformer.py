"""The network: GPT's blocks, norms first, with places told by rotations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from azuraforge.engine import Tensor, nn
from azuraforge.engine.nn import functional as F
from azuraforge_text.config import ModelConfig

STD = 0.02  # of all first weights, as in GPT-2


class Attention(nn.Module):
    """Causal, with several heads. Shape: (batch, time, width) -> the same"""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.into = linear(config.width, 3 * config.width)
        self.rotate = nn.RotaryEmbedding(config.width // config.heads)
        self.out = linear(config.width, config.width, residuals=2 * config.layers)

    def forward(self, x: Tensor, cache: nn.KVCache | None = None) -> Tensor:
        batch, time, width = x.shape
        split = self.into(x).reshape(batch, time, 3, self.heads, width // self.heads)
        q, k, v = (split[:, :, i].transpose(1, 2) for i in range(3))
        seen = 0 if cache is None else len(cache)
        q, k = self.rotate(q, seen), self.rotate(k, seen)
        if cache is not None:
            k, v = cache.update(k, v)
        # One step behind others may look at all of them; several begin, or have no cache.
        y = F.scaled_dot_product_attention(q, k, v, is_causal=seen == 0)
        z: Tensor = self.out(y.transpose(1, 2).reshape(batch, time, width))
        return z


class Block(nn.Module):
    """Attention and an MLP, each after a norm and beside a way past it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.norm_1 = nn.LayerNorm(width)
        self.attention = Attention(config)
        self.norm_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            linear(width, 4 * width),
            nn.GELU(),
            linear(4 * width, width, residuals=2 * config.layers),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, cache: nn.KVCache | None = None) -> Tensor:
        x = x + self.dropout(self.attention(self.norm_1(x), cache))
        y: Tensor = x + self.dropout(self.mlp(self.norm_2(x)))
        return y


class Transformer(nn.Module):
    """Logits of the character after each. Shape: (batch, time) codes -> (batch, time, vocabulary)

    Source: Radford et al. (2019), Language models are unsupervised multitask learners; rotations
            of Su et al. (2021), RoFormer, instead of learned places.
    """

    def __init__(self, vocabulary: int, config: ModelConfig) -> None:
        super().__init__()
        self.context = config.context
        self.characters = nn.Embedding(vocabulary, config.width)
        nn.init.normal_(self.characters.weight, std=STD)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(config.width)

    def forward(self, x: Tensor) -> Tensor:
        return self.read(x)

    def read(self, x: Tensor, caches: Sequence[nn.KVCache] | None = None) -> Tensor:
        """As calling it; with caches, x goes on behind what they hold, and they hold it then.

        Into caches that are not empty x is one character.
        """
        y = self.characters(x)
        kept: Sequence[nn.KVCache | None] = caches or [None] * len(self.blocks)
        for block, cache in zip(self.blocks, kept, strict=True):
            y = block(y, cache)
        return F.linear(self.norm(y), self.characters.weight)  # shared with the embedding

    def set_dropout(self, share: float) -> None:
        """Make it the share that is set to zero from the next step on."""
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = share

    def caches(self) -> list[nn.KVCache]:
        """Empty ones, one a block."""
        return [nn.KVCache(self.context) for _ in self.blocks]


def linear(rows: int, columns: int, *, residuals: int = 1) -> nn.Linear:
    """Without bias; smaller where the outputs of `residuals` of them add up."""
    made = nn.Linear(rows, columns, bias=False)
    nn.init.normal_(made.weight, std=STD / math.sqrt(residuals))
    return made
