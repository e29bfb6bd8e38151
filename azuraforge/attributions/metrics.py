"""How good attributions are: infidelity, and how much they change when inputs hardly do."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from azuraforge.attributions.inputs import Arrays, Given, baselines_of, like, several
from azuraforge.attributions.noise import chunks
from azuraforge.attributions.question import Model, Question, following, repeated
from azuraforge.engine.device import Array, module_of, put
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError

TINY = 1e-30  # instead of a norm of 0
Perturb = Callable[..., Any]


def infidelity(
    forward_func: Model,
    perturb_func: Callable[..., tuple[Any, Any]],
    inputs: Given,
    attributions: Given,
    baselines: Any = None,
    additional_forward_args: Any = None,
    target: Any = None,
    n_perturb_samples: int = 10,
    max_examples_per_batch: int | None = None,
    normalize: bool = False,
) -> Tensor:
    """E (I · a - (f(x) - f(x - I)))² over perturbations I; 0 where attributions a explain them all.

    `perturb_func(inputs)`, or `perturb_func(inputs, baselines)` where there are, gets the inputs
    several times over; it returns the perturbations I and the inputs x - I. With `normalize` the
    attributions are scaled as fits best.

    Shape:  -> (batch,)
    Raises: ShapeError, ConfigError.
    Source: Yeh et al. (2019), On the (in)fidelity and sensitivity of explanations.
    """
    arrays, shares = several(inputs, "infidelity"), several(attributions, "infidelity")
    if [a.shape for a in shares] != [x.shape for x in arrays]:
        raise ShapeError(
            f"infidelity: attributions of {[a.shape for a in shares]} for inputs of "
            f"{[x.shape for x in arrays]}; allowed: the same"
        )
    batch = len(arrays[0])
    question = Question(forward_func, target, additional_forward_args, batch)
    said = _said(question, arrays)
    further = (
        () if baselines is None else (like(inputs, baselines_of(arrays, baselines, "infidelity")),)
    )
    promised, kept = [], []
    for times in chunks(n_perturb_samples, _at_once(max_examples_per_batch, batch), "infidelity"):
        given = like(inputs, repeated(arrays, batch, times))
        moves, moved = perturb_func(given, *repeated(further, batch, times))
        promised.append(_products(several(moves, "infidelity"), shares))
        kept.append(said - _said(question, several(moved, "infidelity")))
    by_shares, by_model = np.concatenate(promised), np.concatenate(kept)
    if normalize:
        squares = np.maximum((by_shares**2).mean(0), TINY)
        by_shares = by_shares * ((by_shares * by_model).mean(0) / squares)
    return Tensor(((by_shares - by_model) ** 2).mean(0))


def infidelity_perturb_func_decorator(
    multiply_by_inputs: bool = True,
) -> Callable[[Perturb], Perturb]:
    """A function that changes inputs as one for `infidelity`: beside them, what was taken away.

    For attributions that were multiplied by the inputs it is their share: (x - changed) / (x - x').
    """

    def decorated(perturb_func: Perturb) -> Perturb:
        @wraps(perturb_func)
        def perturb(inputs: Given, baselines: Any = None) -> tuple[Any, Any]:
            given = (inputs,) if baselines is None else (inputs, baselines)
            changed = perturb_func(*given)
            xs, moved = several(inputs, "infidelity"), several(changed, "infidelity")
            moves = tuple(x - after for x, after in zip(xs, moved, strict=True))
            if multiply_by_inputs:
                starts = baselines_of(xs, baselines, "infidelity")
                moves = tuple(_share(m, x - b) for m, x, b in zip(moves, xs, starts, strict=True))
            return like(inputs, moves), changed

        return perturb

    return decorated


def sensitivity_max(
    explanation_func: Callable[..., Any],
    inputs: Given,
    perturb_func: Callable[..., Any] | None = None,
    perturb_radius: float = 0.02,
    n_perturb_samples: int = 10,
    norm_ord: Any = "fro",
    max_examples_per_batch: int | None = None,
    *,
    generator: Generator | None = None,
    **kwargs: Any,
) -> Tensor:
    """max ‖a(x + e) - a(x)‖ / ‖a(x)‖ over small changes e of the inputs.

    `kwargs` are the explanation's own, such as `target`. `perturb_func(inputs, perturb_radius)`, or
    `perturb_func(inputs)`, returns changed inputs; by default each number changes by at most the
    radius. A norm is of an example's numbers as one vector, Euclid's or numpy.linalg.norm's `ord`.

    Shape:  -> (batch,)
    Source: Yeh et al. (2019), On the (in)fidelity and sensitivity of explanations.
    """
    arrays = several(inputs, "sensitivity_max")
    generator = generator or default_generator()
    batch = len(arrays[0])
    before = _flat(explanation_func(inputs, **kwargs))
    size = np.maximum(_norms(before, norm_ord), TINY)
    most = np.zeros(batch)
    at_once = _at_once(max_examples_per_batch, batch)
    for times in chunks(n_perturb_samples, at_once, "sensitivity_max"):
        given = repeated(arrays, batch, times)
        if perturb_func is None:
            changed = like(inputs, [_shaken(x, perturb_radius, generator) for x in given])
        else:
            radius = (
                (perturb_radius,) if len(inspect.signature(perturb_func).parameters) > 1 else ()
            )
            changed = perturb_func(like(inputs, given), *radius)
        now = _flat(explanation_func(changed, **following(kwargs, batch, times)))
        moved = now.reshape(times, batch, -1) - before
        most = np.maximum(most, np.max([_norms(one, norm_ord) / size for one in moved], axis=0))
    return Tensor(most)


def _at_once(max_examples: int | None, batch: int) -> int | None:
    return None if max_examples is None else max(1, max_examples // batch)


def _said(question: Question, arrays: Arrays) -> Array:
    """Shape: -> (times, batch)"""
    said = put(question.outputs(arrays), "cpu").astype(np.float64)
    return said.reshape(-1, question.batch)


def _products(moves: Arrays, shares: Arrays) -> Array:
    """Shape: moves (times * batch, …), shares (batch, …) -> (times, batch)"""
    total: Array = sum(
        (move.reshape(-1, *share.shape) * share)
        .reshape(-1, len(share), share[0].size)
        .sum(2, dtype=np.float64)
        for move, share in zip(moves, shares, strict=True)
    )
    return put(total, "cpu")


def _share(moves: Array, ways: Array) -> Array:
    """0 where there was no way to go."""
    share: Array = moves / module_of(ways).where(ways == 0, 1, ways)
    return share


def _shaken(x: Array, radius: float, generator: Generator) -> Array:
    shaken: Array = x + generator.uniform(x.shape, -radius, radius, x.dtype, module_of(x))
    return shaken


def _flat(explanation: Any) -> Array:
    """Shape: -> (batch, all numbers of an example)"""
    parts = several(explanation, "sensitivity_max")
    return np.concatenate([put(p, "cpu").reshape(len(p), -1) for p in parts], axis=1)


def _norms(rows: Array, norm_ord: Any) -> Array:
    """Of each row, as a vector."""
    found: Array = np.linalg.norm(rows, 2 if norm_ord == "fro" else norm_ord, axis=1)
    return found
