"""Tokens masked, exchanged and dropped; special ones stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from azuraforge.engine.data.transforms.transform import Transform, probability
from azuraforge.engine.device import Array, put
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError


class _Tokens(Transform):
    """Changes a share p of the tokens (…, time) that are not among `special`."""

    axes: ClassVar[tuple[str, ...]] = ("time",)
    kinds: ClassVar[str] = "iu"

    def __init__(self, p: float, special: Sequence[int] = ()) -> None:
        self.p = probability(type(self).__name__, p)
        self.special = tuple(special)

    def picked(self, x: Array, generator: Generator) -> Array:
        """Which tokens are to be changed."""
        found: Array = (generator.uniform(x.shape) < self.p) & ~np.isin(x, self.special)
        return found


class MaskTokens(_Tokens):
    """`inputs, targets = mask(tokens, generator)`, to learn the masked tokens from the others.

    Of the tokens picked 80 % become `mask_token`, 10 % any of the vocabulary, 10 % stay; targets
    are the tokens where picked, elsewhere `ignore_index`.

    Source: Devlin et al. (2018), BERT.
    """

    def __init__(
        self,
        mask_token: int,
        vocabulary: int,
        p: float = 0.15,
        special: Sequence[int] = (),
        ignore_index: int = -100,
    ) -> None:
        super().__init__(p, special)
        if vocabulary < 1:
            raise ConfigError(f"MaskTokens: vocabulary {vocabulary}; allowed: 1 or more")
        self.mask_token = mask_token
        self.vocabulary = vocabulary
        self.ignore_index = ignore_index

    def __call__(self, x: Any, generator: Generator | None = None) -> tuple[Any, Any]:
        tokens = put(x.data, "cpu") if isinstance(x, Tensor) else x
        self._check(tokens)
        generator = generator or default_generator()
        picked = self.picked(tokens, generator)
        how = generator.uniform(tokens.shape)
        others = generator.integers(0, self.vocabulary, tokens.shape)
        inputs = np.where(picked & (how < 0.8), self.mask_token, tokens)
        inputs = np.where(picked & (how >= 0.9), others, inputs).astype(tokens.dtype)
        targets = np.where(picked, tokens, self.ignore_index).astype(np.int64)
        if isinstance(x, Tensor):
            return Tensor(inputs).to(x.device), Tensor(targets).to(x.device)
        return inputs, targets


class TokenDropout(_Tokens):
    """A share p of the tokens replaced by one, such as that of unknown words.

    Source: Bowman et al. (2015), Generating sentences from a continuous space.
    """

    def __init__(self, token: int, p: float = 0.1, special: Sequence[int] = ()) -> None:
        super().__init__(p, special)
        self.token = token

    def apply(self, x: Array, generator: Generator) -> Array:
        return np.where(self.picked(x, generator), np.asarray(self.token, x.dtype), x)


class TokenSwap(_Tokens):
    """A share p of the tokens of a sequence, in random order among themselves.

    Source: Wei and Zou (2019), EDA: easy data augmentation techniques.
    """

    def __init__(self, p: float = 0.1, special: Sequence[int] = ()) -> None:
        super().__init__(p, special)

    def apply(self, x: Array, generator: Generator) -> Array:
        y = x.copy()
        for sequence, picked in zip(y, self.picked(x, generator), strict=True):
            at = np.flatnonzero(picked)
            sequence[at] = sequence[at[generator.permutation(len(at))]]
        return y
