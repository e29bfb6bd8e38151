"""LIME: a sparse linear model of the output around an input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from azuraforge.attributions.attribution import Attribution
from azuraforge.attributions.features import Features, Game
from azuraforge.attributions.inputs import Given, baselines_of, like
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator, default_generator
from azuraforge.errors import ConfigError

ALPHA = 0.01
SWEEPS, SMALL = 1000, 1e-10
Similarity = Callable[[Array], Array]  # of coalitions (n, features) to the whole -> (n,)


class Lime(Attribution):
    """Coefficients of a lasso fitted to random coalitions of features, near ones weighted more.

    Σ w_i (f_i - b - z_i c)² / (2 Σ w_i) + alpha Σ |c_j| is the least, f_i being what the model says
    where the features of z_i are present and the others are baselines.

    Source: Ribeiro et al. (2016), "Why should I trust you?"
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        alpha: float = ALPHA,
        similarity_func: Similarity | None = None,
    ) -> None:
        super().__init__(forward_func)
        if alpha < 0:
            raise ConfigError(f"Lime: alpha {alpha}; allowed: 0 or more")
        self.alpha = alpha
        self.similarity = similarity_func or exponential_similarity()

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
        """`n_samples` is how many coalitions, each with every feature at a chance of a half."""
        arrays, question = self.asked(inputs, target, additional_forward_args)
        if n_samples < 1:
            raise ConfigError(f"{self.name}: n_samples {n_samples}; allowed: 1 or more")
        features = Features(arrays, feature_mask, self.name)
        starts = baselines_of(arrays, baselines, self.name)
        game = Game(question, features, arrays, starts, perturbations_per_eval)
        generator = generator or default_generator()
        coalitions = generator.bernoulli((n_samples, game.players), 0.5, bool)
        values, weights = game.values(coalitions), self.similarity(coalitions)
        made = [lasso(coalitions.astype(float), y, weights, self.alpha) for y in values.T]
        return like(inputs, game.shares(np.stack(made, axis=1)))


def exponential_similarity(kernel_width: float = 1.0) -> Similarity:
    """exp(-d² / width²) of the cosine distance between a coalition and the whole.

    The cosine of k of n features is sqrt(k / n).
    """
    if kernel_width <= 0:
        raise ConfigError(f"exponential_similarity: kernel_width {kernel_width}; allowed: above 0")

    def similarity(coalitions: Array) -> Array:
        distance = 1 - np.sqrt(coalitions.mean(1))
        return np.exp(-((distance / kernel_width) ** 2))

    return similarity


def lasso(x: Array, y: Array, weights: Array, alpha: float) -> Array:
    """The coefficients of y ≈ b + x c, by coordinate descent.

    Shape:  (n, features), (n,), (n,) -> (features,)
    Source: Friedman et al. (2010), Regularization paths for generalized linear models.
    """
    share = weights / weights.sum()
    x = x - share @ x
    left = y - share @ y
    scale = share @ (x * x)
    c = np.zeros(x.shape[1])
    for _ in range(SWEEPS):
        before = c.copy()
        for j in np.flatnonzero(scale > SMALL):
            pull = share @ (x[:, j] * left) + scale[j] * c[j]
            new = np.sign(pull) * max(abs(pull) - alpha, 0) / scale[j]
            left += x[:, j] * (c[j] - new)
            c[j] = new
        if np.abs(c - before).max() <= SMALL * max(1.0, np.abs(c).max()):
            break
    return c
