"""Tiny-shakespeare: nanoGPT's configuration for a CPU; validation loss, nats a character.

4 layers of 4 heads, 128 wide, context 64, no dropout, no biases, one table for embedding and head;
2,000 steps of AdamW on batches of 12 random pieces, the rate up in 100 steps and down to 1e-4 along
a cosine, gradients clipped to norm 1. nanoGPT estimates the loss by 20 random batches of the last
tenth of the text, which alone makes 0.02 either way; here it is the mean over all of it.

One thing is ours: the rate goes up to 3e-3. With nanoGPT's, `--lr 1e-3`, the loss was 1.92 and 1.90
(seeds 1 and 2), and so was PyTorch's from the same weights and batches (1.92, seed 1).

Source: Karpathy's nanoGPT, README.md, "I only have a macbook".
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import azuraforge
from azuraforge import Tensor, nn
from azuraforge.download import fetch
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator
from azuraforge.nn import functional as F
from azuraforge.nn.utils import clip_grad_norm_
from azuraforge.optim import AdamW
from azuraforge.optim.lr_scheduler import WarmupCosineLR
from benchmarks.evidence.figure import Figure, arguments, report, timed

PAPER = "1.88"
LAYERS, HEADS, WIDTH, CONTEXT = 4, 4, 128, 64
STEPS, BATCH, WARMUP, LR, LAST_LR = 2000, 12, 100, 3e-3, 1e-4
BETAS, WEIGHT_DECAY, CLIP = (0.9, 0.99), 0.1, 1.0
TRAIN_SHARE = 0.9
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


class Attention(nn.Module):
    """Causal, with several heads. Shape: (batch, time, WIDTH) -> the same"""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.into = linear(WIDTH, 3 * WIDTH, generator)
        self.out = linear(WIDTH, WIDTH, generator, residual=True)

    def forward(self, x: Tensor) -> Tensor:
        batch, time, _ = x.shape
        split = self.into(x).reshape(batch, time, 3, HEADS, WIDTH // HEADS)
        q, k, v = (split[:, :, i].transpose(1, 2) for i in range(3))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, time, WIDTH))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and an MLP, each after a norm and beside a way past it."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(WIDTH, bias=False)
        self.attention = Attention(generator)
        self.norm_2 = nn.LayerNorm(WIDTH, bias=False)
        self.mlp = nn.Sequential(
            linear(WIDTH, 4 * WIDTH, generator),
            nn.GELU(),
            linear(4 * WIDTH, WIDTH, generator, residual=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm_1(x))
        return x + self.mlp(self.norm_2(x))  # type: ignore[no-any-return]


class GPT(nn.Module):
    """Logits of the next character. Shape: (batch, time) int64 -> (batch, time, vocabulary)"""

    def __init__(self, vocabulary: int, generator: Generator) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, WIDTH)
        self.places = nn.Embedding(CONTEXT, WIDTH)
        for table in (self.tokens, self.places):
            nn.init.normal_(table.weight, std=0.02, generator=generator)
        self.blocks = nn.Sequential(*(Block(generator) for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.tokens(x) + self.places(np.arange(x.shape[1]))
        return F.linear(self.norm(self.blocks(y)), self.tokens.weight)  # shared with the head


def linear(rows: int, columns: int, generator: Generator, *, residual: bool = False) -> nn.Linear:
    """Without bias; smaller where 2 LAYERS of them add up, so that the sum is not larger."""
    made = nn.Linear(rows, columns, bias=False)
    std = 0.02 / math.sqrt(2 * LAYERS) if residual else 0.02
    nn.init.normal_(made.weight, std=std, generator=generator)
    return made


class Text(NamedTuple):
    """Characters as numbers below `vocabulary`."""

    train: Array
    validation: Array
    vocabulary: int


def text() -> Text:
    """Raises: DataError."""
    path = fetch("tinyshakespeare_input.txt", sha256=SHA256, mirrors=(), folder="text")
    letters, codes = np.unique(np.frombuffer(path.read_bytes(), np.uint8), return_inverse=True)
    train, validation = np.split(codes.astype(np.int64), [int(TRAIN_SHARE * len(codes))])
    return Text(train, validation, len(letters))


def trained(data: Text, generator: Generator, *, lr: float = LR, steps: int = STEPS) -> GPT:
    """The model after its last step."""
    model = GPT(data.vocabulary, generator.child("weights"))
    matrices = [w for w in model.parameters() if w.ndim > 1]
    others = [w for w in model.parameters() if w.ndim == 1]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    optimizer = AdamW(groups, lr=lr, betas=BETAS, weight_decay=WEIGHT_DECAY)
    schedule = WarmupCosineLR(optimizer, WARMUP, STEPS, eta_min=LAST_LR)

    @azuraforge.capture
    def step(x: Tensor, y: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = loss_of(model, x, y)
        loss.backward()
        clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        return loss

    for pieces in random_pieces(data.train, generator.child("order"), steps):
        step(*pieces)
        schedule.step()
    return model


def loss_of(model: GPT, x: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy of the characters `y`, each after those of `x` until then."""
    logits = model(x)
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))


def random_pieces(
    letters: Array, generator: Generator, steps: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """BATCH random pieces of CONTEXT characters a step, and the same one character on."""
    for _ in range(steps):
        starts = generator.uniform((BATCH,), 0, len(letters) - CONTEXT, np.float64)
        places = starts.astype(np.int64)[:, None] + np.arange(CONTEXT)
        yield azuraforge.tensor(letters[places]), azuraforge.tensor(letters[places + 1])


@azuraforge.no_grad()
def validation_loss(model: GPT, letters: Array, batch: int = 128) -> float:
    """The mean over all pieces of CONTEXT characters; less than one at the end is left out."""
    count = (len(letters) - 1) // CONTEXT
    x, y = (letters[i : i + count * CONTEXT].reshape(count, CONTEXT) for i in (0, 1))
    total = 0.0
    for start in range(0, count, batch):
        rows = slice(start, start + batch)
        pieces = azuraforge.tensor(x[rows]), azuraforge.tensor(y[rows])
        total += loss_of(model, *pieces).item() * len(x[rows])
    return total / count


def figures(generator: Generator, *, lr: float = LR) -> Iterator[Figure]:
    """The README's figure."""
    data = text()
    yield timed(
        "loss", PAPER, lambda: validation_loss(trained(data, generator, lr=lr), data.validation)
    )


def main(given: Sequence[str] | None = None) -> int:
    parser = arguments("language", __doc__)
    parser.add_argument("--lr", type=float, default=LR, help="the largest (3e-3)")
    options = parser.parse_args(given)
    source = f"tiny-shakespeare, nanoGPT on a CPU; rate {options.lr:g}"
    return report(source, options, lambda generator: figures(generator, lr=options.lr))


if __name__ == "__main__":
    sys.exit(main())
