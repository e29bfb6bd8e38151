"""Counter-based random numbers: Philox4x32-10, whose whole state is two integers.

Block i of generator k is a pure function of (k, i), so numbers do not depend on how a draw is cut
into pieces, any position is reached at once, and NumPy and CuPy compute the same bits (normals up
to the last digit of log and cos).

Source: Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from azuraforge.engine.device import Array

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
WORD = 0xFFFFFFFF


def philox(xp: Any, counter: tuple[Array, Array, Array, Array], key: tuple[int, int]) -> Array:
    """Four random 32-bit words per counter.

    Shape: counter four uint64 arrays (n,) holding 32-bit words -> (n, 4) uint32
    """
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        left, right = a * xp.uint64(MULTIPLIERS[0]), c * xp.uint64(MULTIPLIERS[1])
        a, c = right >> xp.uint64(32), left >> xp.uint64(32)
        a ^= b  # in place: new arrays for every step took a fifth more
        a ^= xp.uint64(k0)
        c ^= d
        c ^= xp.uint64(k1)
        right &= xp.uint64(WORD)
        left &= xp.uint64(WORD)
        b, d = right, left
        k0, k1 = (k0 + WEYL[0]) & WORD, (k1 + WEYL[1]) & WORD
    words = xp.empty((len(a), 4), xp.uint32)
    for place, word in enumerate((a, b, c, d)):
        words[:, place] = word
    return words


class Generator:
    """A stream of random numbers: `key` says which stream, `counter` how far it is read."""

    def __init__(self, key: int = 0, counter: int = 0) -> None:
        if not (0 <= key < 2**64 and 0 <= counter < 2**64):
            raise ValueError(f"Generator: key {key}, counter {counter}; allowed: 0 to 2**64 - 1")
        self.key = key
        self.counter = counter

    @property
    def state(self) -> tuple[int, int]:
        """(key, counter): `Generator(*state)` goes on where this one stands."""
        return self.key, self.counter

    def move_to(self, state: tuple[int, int]) -> None:
        """Go on where a generator of this state stands."""
        self.key, self.counter = state

    def child(self, name: str) -> Generator:
        """An independent generator, a function of this one's key and `name` alone."""
        digest = hashlib.sha256(f"{self.key}/{name}".encode()).digest()
        return Generator(int.from_bytes(digest[:8], "little"))

    def words(self, count: int, xp: Any = np) -> Array:
        """The next `count` 32-bit words. Shape: -> (count,) uint32"""
        blocks = -(-count // 4)
        at = xp.arange(blocks, dtype=xp.uint64) + xp.uint64(self.counter)
        self.counter += blocks
        zero = xp.zeros_like(at)
        counter = (at & xp.uint64(WORD), at >> xp.uint64(32), zero, zero)
        return philox(xp, counter, (self.key & WORD, self.key >> 32)).reshape(-1)[:count]

    def uniform(
        self,
        shape: tuple[int, ...],
        low: float = 0.0,
        high: float = 1.0,
        dtype: Any = np.float32,
        xp: Any = np,
    ) -> Array:
        """Numbers evenly from [low, high)."""
        count = math.prod(shape)
        if np.dtype(dtype) == np.float64:
            halves = self.words(2 * count, xp).astype(xp.uint64)
            bits = (halves[0::2] << xp.uint64(32) | halves[1::2]) >> xp.uint64(11)
            unit = bits.astype(xp.float64) * 2.0**-53
        else:
            unit = (self.words(count, xp) >> xp.uint32(8)).astype(xp.float32)
            unit *= xp.float32(2.0**-24)
        if (low, high) != (0.0, 1.0):
            unit = low + (high - low) * unit
            unit = xp.minimum(unit, xp.nextafter(unit.dtype.type(high), unit.dtype.type(low)))
        return unit.reshape(shape).astype(dtype, copy=False)

    def normal(
        self,
        shape: tuple[int, ...],
        mean: float = 0.0,
        std: float = 1.0,
        dtype: Any = np.float32,
        xp: Any = np,
    ) -> Array:
        """Normally distributed numbers, by Box and Muller's pairs."""
        count = math.prod(shape)
        pairs = -(-count // 2)
        u = self.uniform((2, pairs), dtype=np.float64, xp=xp)
        radius, angle = xp.sqrt(-2.0 * xp.log1p(-u[0])), 2.0 * math.pi * u[1]
        both = xp.concatenate((radius * xp.cos(angle), radius * xp.sin(angle)))[:count]
        return (mean + std * both).reshape(shape).astype(dtype, copy=False)

    def bernoulli(
        self, shape: tuple[int, ...], p: float, dtype: Any = np.float32, xp: Any = np
    ) -> Array:
        """Ones with probability p, zeros elsewhere."""
        return (self.uniform(shape, xp=xp) < p).astype(dtype)

    def integers(self, low: int, high: int, shape: tuple[int, ...], xp: Any = np) -> Array:
        """Whole numbers from low to high - 1 (bias below (high - low) / 2**53)."""
        return xp.floor(self.uniform(shape, 0, high - low, np.float64, xp)).astype(xp.int64) + low

    def permutation(self, count: int) -> Array:
        """0 … count - 1 in random order. Shape: -> (count,) int64"""
        pairs = self.words(2 * count).astype("<u4", copy=False).view("<u8")
        keys = pairs << np.uint64(32) | pairs >> np.uint64(32)
        bits = np.uint64(count.bit_length())  # of each key are its place: half of an argsort's time
        keys = keys >> bits << bits | np.arange(count, dtype=np.uint64)
        keys.sort()
        return (keys & (np.uint64(1) << bits) - np.uint64(1)).astype(np.int64)


_default: ContextVar[Generator] = ContextVar("azuraforge_generator")


def default_generator() -> Generator:
    """The generator where none is given: of `using`, else of `manual_seed`, else of seed 0."""
    try:
        return _default.get()
    except LookupError:
        return manual_seed(0)


def manual_seed(seed: int) -> Generator:
    """Start the default generator of this thread or task anew from `seed`."""
    generator = Generator(seed)
    _default.set(generator)
    return generator


@contextmanager
def using(generator: Generator) -> Iterator[Generator]:
    """Within the block, `generator` is the default."""
    token = _default.set(generator)
    try:
        yield generator
    finally:
        _default.reset(token)
