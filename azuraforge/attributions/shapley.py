"""Shapley values of features: exact for a few, sampled, or by weighted regression."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from azuraforge.attributions.attribution import Attribution
from azuraforge.attributions.features import Features, Game
from azuraforge.attributions.inputs import Given, baselines_of, like
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator, default_generator
from azuraforge.errors import ConfigError

MOST_PLAYERS = 20  # of whose coalitions all are asked


class _OfCoalitions(Attribution):
    """A method that asks about coalitions of features."""

    def has_convergence_delta(self) -> bool:
        return True

    def game(
        self,
        inputs: Given,
        baselines: Any,
        target: Any,
        extras: Any,
        feature_mask: Any,
        perturbations_per_eval: int,
    ) -> Game:
        arrays, question = self.asked(inputs, target, extras)
        features = Features(arrays, feature_mask, self.name)
        starts = baselines_of(arrays, baselines, self.name)
        return Game(question, features, arrays, starts, perturbations_per_eval)


class ShapleyValues(_OfCoalitions):
    """A feature's mean gain over all coalitions it can join, exact; 2^features questions.

    φ_i = Σ over S without i of |S|! (n - |S| - 1)! / n! (f(S and i) - f(S))

    Source: Shapley (1953), A value for n-person games.
    """

    def attribute(
        self,
        inputs: Given,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        perturbations_per_eval: int = 1,
    ) -> Any:
        """Raises: ConfigError for more than 20 features."""
        game = self.game(
            inputs, baselines, target, additional_forward_args, feature_mask, perturbations_per_eval
        )
        n = game.players
        if n > MOST_PLAYERS:
            raise ConfigError(
                f"{self.name}: {n} features have 2^{n} coalitions; allowed: up to {MOST_PLAYERS}; "
                "use ShapleyValueSampling, or group them by feature_mask"
            )
        coalitions = every_coalition(n)
        values, sizes = game.values(coalitions), coalitions.sum(1)
        weights = np.array([1 / (n * math.comb(n - 1, size)) for size in range(n)] + [0.0])
        numbers = np.arange(2**n)
        made = []
        for player in range(n):
            without = numbers[~coalitions[:, player]]
            gains = values[without | 1 << player] - values[without]
            made.append(weights[sizes[without]] @ gains)
        return like(inputs, game.shares(np.stack(made)))


class ShapleyValueSampling(_OfCoalitions):
    """A feature's mean gain where features join one after the other, in random orders.

    Source: Štrumbelj and Kononenko (2010), An efficient explanation of individual classifications.
    """

    def attribute(
        self,
        inputs: Given,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        n_samples: int = 25,
        perturbations_per_eval: int = 1,
        *,
        generator: Generator | None = None,
    ) -> Any:
        """`n_samples` is how many orders. Raises: ConfigError."""
        game = self.game(
            inputs, baselines, target, additional_forward_args, feature_mask, perturbations_per_eval
        )
        _allow(n_samples, self.name)
        generator = generator or default_generator()
        n = game.players
        ends = game.values(np.array([[False] * n, [True] * n]))
        total = np.zeros((n, ends.shape[1]))
        for _ in range(n_samples):
            order = generator.permutation(n)
            joined = np.argsort(order)[None] <= np.arange(n - 1)[:, None]
            between = game.values(joined) if n > 1 else ends[:0]
            total[order] += np.diff(np.concatenate([ends[:1], between, ends[1:]]), axis=0)
        return like(inputs, game.shares(total / n_samples))


class KernelShap(_OfCoalitions):
    """Shapley values by a linear model of the coalitions, weighted by the Shapley kernel.

    It is right where no feature and where all features are present. If all coalitions between are
    no more than `n_samples`, each is asked, and the values are exact; else they are drawn by the
    kernel, each with its complement.

    Source: Lundberg and Lee (2017), A unified approach to interpreting model predictions; Covert
    and Lee (2021), Improving KernelSHAP.
    """

    def attribute(
        self,
        inputs: Given,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        feature_mask: Any = None,
        n_samples: int = 25,
        perturbations_per_eval: int = 1,
        *,
        generator: Generator | None = None,
    ) -> Any:
        """`n_samples` is how many coalitions. Raises: ConfigError."""
        game = self.game(
            inputs, baselines, target, additional_forward_args, feature_mask, perturbations_per_eval
        )
        _allow(n_samples, self.name)
        n = game.players
        none, every = game.values(np.array([[False] * n, [True] * n]))
        if n <= MOST_PLAYERS and 2**n - 2 <= n_samples:
            coalitions = every_coalition(n)[1:-1]
            weights = np.array([kernel(n, int(size)) for size in coalitions.sum(1)])
        else:
            coalitions = _by_kernel(n, n_samples, generator or default_generator())
            weights = np.ones(len(coalitions))
        if not len(coalitions):
            return like(inputs, game.shares((every - none)[None]))
        gains = game.values(coalitions) - none
        return like(inputs, game.shares(_constrained(coalitions, gains, weights, every - none)))


def every_coalition(n: int) -> Array:
    """Row i holds the bits of i. Shape: -> (2^n, n) bool"""
    numbers = np.arange(2**n)[:, None]
    return (numbers >> np.arange(n) & 1).astype(bool)


def kernel(n: int, size: int) -> float:
    """The Shapley kernel of one coalition of so many of n players."""
    return (n - 1) / (math.comb(n, size) * size * (n - size))


def _by_kernel(n: int, count: int, generator: Generator) -> Array:
    """Random coalitions, neither empty nor full, and beside each its complement."""
    sizes = np.arange(1, n)
    chances = np.cumsum((n - 1) / (sizes * (n - sizes)))
    picked = generator.uniform((-(-count // 2),), 0, chances[-1], np.float64)
    rows = np.zeros((len(picked), n), bool)
    for row, size in zip(rows, sizes[np.searchsorted(chances, picked, "right")], strict=True):
        row[generator.permutation(n)[:size]] = True
    return np.stack([rows, ~rows], 1).reshape(-1, n)[:count]


def _constrained(coalitions: Array, gains: Array, weights: Array, total: Array) -> Array:
    """Least squares of gains, linear in who is present, that add up to the total.

    Shape: (m, n), (m, batch), (m,), (batch,) -> (n, batch)
    """
    z, last = coalitions[:, :-1].astype(float), coalitions[:, -1:].astype(float)
    root = np.sqrt(weights)[:, None]
    found, *_ = np.linalg.lstsq(root * (z - last), root * (gains - last * total), rcond=None)
    return np.concatenate([found, (total - found.sum(0))[None]])


def _allow(n_samples: int, who: str) -> None:
    if n_samples < 1:
        raise ConfigError(f"{who}: n_samples {n_samples}; allowed: 1 or more")
