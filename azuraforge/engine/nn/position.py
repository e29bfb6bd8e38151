"""Where in a sequence: sinusoids, rotations, slopes for attention; and keys kept between steps."""

from __future__ import annotations

import math

import numpy as np

from azuraforge.engine.functions.join import cat
from azuraforge.engine.nn.module import Buffer, Module
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError

__all__ = ["ALiBi", "KVCache", "RotaryEmbedding", "SinusoidalPositionalEncoding"]


class SinusoidalPositionalEncoding(Module):
    """x plus sines and cosines of the place, of wavelengths from 2π to 20,000 π.

    p[t, 2i] = sin(t / 10000^(2i / width)), p[t, 2i + 1] = cos of the same

    Shape:  (batch, time, width), or (time, batch, width) unless batch_first -> the same
    Raises: ShapeError for more than max_len steps.
    Source: Vaswani et al. (2017), Attention is all you need.
    """

    def __init__(self, d_model: int, max_len: int = 5000, batch_first: bool = True) -> None:
        super().__init__()
        if d_model <= 0 or d_model % 2:
            raise ConfigError(
                f"SinusoidalPositionalEncoding: d_model is {d_model}; allowed: even, above 0"
            )
        self.batch_first = batch_first
        angles = np.outer(np.arange(max_len), 10_000.0 ** (-np.arange(0, d_model, 2) / d_model))
        table = np.stack([np.sin(angles), np.cos(angles)], -1).reshape(max_len, d_model)
        self.register_buffer("table", Tensor(table.astype(np.float32)), persistent=False)
        self.table: Buffer

    def forward(self, input: Tensor, offset: int = 0) -> Tensor:
        time = input.shape[1 if self.batch_first else 0]
        if offset + time > len(self.table) or input.shape[-1] != self.table.shape[1]:
            raise ShapeError(
                f"input {input.shape} from step {offset}; allowed: up to {len(self.table)} steps "
                f"of width {self.table.shape[1]}"
            )
        rows = self.table[offset : offset + time]
        return input + (rows if self.batch_first else rows.reshape(time, 1, -1))


class RotaryEmbedding(Module):
    """Queries or keys, turned by an angle that grows with their place: products see differences.

    Elements i and i + width / 2, or 2i and 2i + 1 where interleaved, turn by t base^(-2i / width).

    Shape:  (…, time, width) -> the same; offset is the place of the first step
    Raises: ShapeError for another width.
    Source: Su et al. (2021), RoFormer; the halves as in LLaMA's weights, pairs as in GPT-J's.
    """

    def __init__(self, dim: int, base: float = 10_000.0, interleaved: bool = False) -> None:
        super().__init__()
        if dim <= 0 or dim % 2:
            raise ConfigError(f"RotaryEmbedding: dim is {dim}; allowed: even, above 0")
        self.dim, self.base, self.interleaved = dim, base, interleaved

    def forward(self, input: Tensor, offset: int = 0) -> Tensor:
        if input.ndim < 2 or input.shape[-1] != self.dim:
            raise ShapeError(f"input {input.shape}; allowed: (…, time, {self.dim})")
        turns = self.base ** (-np.arange(0, self.dim, 2) / self.dim)
        angles = np.outer(np.arange(offset, offset + input.shape[-2]), turns)
        cos, sin = (
            Tensor(f(angles).astype(input.dtype)).to(input.device) for f in (np.cos, np.sin)
        )
        half = self.dim // 2
        if self.interleaved:
            a, b = input[..., 0::2], input[..., 1::2]
        else:
            a, b = input[..., :half], input[..., half:]
        turned = (a * cos - b * sin, a * sin + b * cos)
        if not self.interleaved:
            return _joined(*turned, axis=-1)
        pairs = _joined(*(x.reshape(*x.shape, 1) for x in turned), axis=-1)
        return pairs.reshape(*input.shape)


class ALiBi(Module):
    """A mask for attention that takes off more the further back a key is: slope · distance.

    The slopes of n heads are 2^(-8 i / n), i from 1 to n, for n a power of 2; other n take every
    other slope of twice as many for the rest.

    Shape:  time, keys -> (heads, time, keys), the last query beside the last key
    Source: Press, Smith and Lewis (2022), Train short, test long.
    """

    def __init__(self, num_heads: int, is_causal: bool = True) -> None:
        super().__init__()
        if num_heads <= 0:
            raise ConfigError(f"ALiBi: num_heads is {num_heads}; allowed: above 0")
        self.is_causal = is_causal
        slopes = np.array(_slopes(num_heads), np.float32)
        self.register_buffer("slopes", Tensor(slopes), persistent=False)
        self.slopes: Buffer

    def forward(self, time: int, keys: int | None = None) -> Tensor:
        keys = time if keys is None else keys
        apart = np.arange(keys) - (np.arange(time) + keys - time)[:, None]
        mask = -np.abs(apart).astype(self.slopes.dtype)
        if self.is_causal:
            mask = np.where(apart > 0, np.array(-math.inf, mask.dtype), mask)
        return self.slopes.reshape(-1, 1, 1) * Tensor(mask).to(self.slopes.device)


def _slopes(heads: int) -> list[float]:
    power = 2 ** math.floor(math.log2(heads))
    own = [2.0 ** (-8 * (i + 1) / power) for i in range(power)]
    return own if power == heads else own + _slopes(2 * power)[::2][: heads - power]


class KVCache(Module):
    """Keys and values of the steps so far, for a decoder that makes one step after the other.

    Shape:  update takes and gives (batch, heads, time, width), time being that of all steps so far
    Raises: ShapeError for a shape that does not fit, or more than max_len steps.
    """

    def __init__(self, max_len: int | None = None) -> None:
        super().__init__()
        self.max_len = max_len
        self._kept: tuple[Tensor, Tensor] | None = None

    def __len__(self) -> int:
        return 0 if self._kept is None else self._kept[0].shape[-2]

    def update(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keep these steps behind the others; all of them."""
        steps = len(self) + key.shape[-2]
        if self.max_len is not None and steps > self.max_len:
            raise ShapeError(f"KVCache: {steps} steps; allowed: up to {self.max_len}; clear() it")
        if self._kept is None:
            self._kept = key, value
        else:
            old = self._kept
            for before, new in zip(old, (key, value), strict=True):
                if before.shape[:-2] != new.shape[:-2] or before.shape[-1] != new.shape[-1]:
                    raise ShapeError(f"KVCache: steps {new.shape} behind {before.shape}")
            self._kept = _joined(old[0], key, axis=-2), _joined(old[1], value, axis=-2)
        return self._kept

    def forward(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        return self.update(key, value)

    def clear(self) -> None:
        """Forget all steps."""
        self._kept = None


def _joined(*parts: Tensor, axis: int) -> Tensor:
    whole: Tensor = cat(list(parts), axis)
    return whole
