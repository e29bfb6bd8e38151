"""Attributions averaged over noise at the input: NoiseTunnel, SmoothGrad, GradientShap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from azuraforge.attributions.attribution import Attribution, excess
from azuraforge.attributions.gradient import Saliency
from azuraforge.attributions.inputs import Arrays, Given, distribution_of, like, several
from azuraforge.attributions.question import Model, following
from azuraforge.engine.device import Array, module_of
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

Kind = Literal["smoothgrad", "smoothgrad_sq", "vargrad"]


class NoiseTunnel(Attribution):
    """A method's attributions at noisy inputs: their mean, mean square or variance.

    Source: Smilkov et al. (2017), SmoothGrad: removing noise by adding noise; Adebayo et al.
    (2018), Sanity checks for saliency maps.
    """

    def __init__(self, attribution_method: Attribution) -> None:
        super().__init__(attribution_method.forward_func)
        self.attribution_method = attribution_method

    def has_convergence_delta(self) -> bool:
        return self.attribution_method.has_convergence_delta()

    def attribute(
        self,
        inputs: Given,
        nt_type: Kind = "smoothgrad",
        nt_samples: int = 5,
        nt_samples_batch_size: int | None = None,
        stdevs: float | tuple[float, ...] = 1.0,
        draw_baseline_from_distrib: bool = False,
        *,
        generator: Generator | None = None,
        **kwargs: Any,
    ) -> Any:
        """`kwargs` are the method's own; a delta, if asked for, is that of each sample.

        Noise has the deviation `stdevs`, one for all inputs or one for each. With
        `draw_baseline_from_distrib` every sample of every example has a random row of `baselines`.

        Shape:  as the inputs; delta (batch * nt_samples,), the samples of an example together
        Raises: ConfigError.
        """
        if nt_type not in ("smoothgrad", "smoothgrad_sq", "vargrad"):
            raise ConfigError(
                f"{self.name}: nt_type {nt_type!r}; allowed: smoothgrad, smoothgrad_sq, vargrad"
            )
        arrays = several(inputs, self.name)
        generator = generator or default_generator()
        samples: list[Arrays] = []
        deltas: list[Array] = []
        for times in chunks(nt_samples, nt_samples_batch_size, self.name):
            noisy = noised(arrays, stdevs, times, generator, self.name)
            own = self._following(kwargs, arrays, times, draw_baseline_from_distrib, generator)
            found = self.attribution_method.attribute(like(inputs, noisy), **own)
            if kwargs.get("return_convergence_delta"):
                found, delta = found
                deltas.append(delta.data.reshape(times, -1))
            samples.append(several(found, self.name))
        made = [
            _summary([s[i] for s in samples], len(arrays[0]), nt_type) for i in range(len(arrays))
        ]
        result = like(inputs, made)
        return (result, Tensor(np.concatenate(deltas).T.reshape(-1))) if deltas else result

    def _following(
        self, kwargs: dict[str, Any], arrays: Arrays, times: int, draws: bool, generator: Generator
    ) -> dict[str, Any]:
        """The method's arguments for inputs `times` over."""
        batch = len(arrays[0])
        own = following(kwargs, batch, times)
        if draws:
            rows = distribution_of(arrays, kwargs.get("baselines"), self.name)
            own["baselines"] = tuple(map(Tensor, drawn(rows, batch * times, generator)))
        return own


class SmoothGrad(NoiseTunnel):
    """The mean |gradient| at noisy inputs; with `abs=False` that of the gradient.

    Source: Smilkov et al. (2017), SmoothGrad: removing noise by adding noise.
    """

    def __init__(self, forward_func: Model) -> None:
        super().__init__(Saliency(forward_func))


class GradientShap(Attribution):
    """Expected (x - x') ∂f/∂x over baselines x' and places on the way from x' to x.

    An estimate of SHAP values where features are independent; adds up to f(x) - E f(x') on average.

    Source: Lundberg and Lee (2017), A unified approach to interpreting model predictions; Erion et
    al. (2021), Improving performance of deep learning models with axiomatic attribution priors.
    """

    needs_gradient = True

    def __init__(self, forward_func: Model, multiply_by_inputs: bool = True) -> None:
        super().__init__(forward_func)
        self.multiplies_by_inputs = multiply_by_inputs

    def has_convergence_delta(self) -> bool:
        return True

    def attribute(
        self,
        inputs: Given,
        baselines: Any,
        n_samples: int = 5,
        stdevs: float | tuple[float, ...] = 0.0,
        target: Any = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
        *,
        generator: Generator | None = None,
    ) -> Any:
        """`baselines` are rows to draw from, or a function that gives them.

        Shape: as the inputs; delta (batch * n_samples,), the samples of an example together
        """
        arrays, question = self.asked(inputs, target, additional_forward_args)
        generator = generator or default_generator()
        (times,) = chunks(n_samples, None, self.name)
        rows = question.batch * times
        ends = noised(arrays, stdevs, times, generator, self.name)
        starts = drawn(distribution_of(arrays, baselines, self.name), rows, generator)
        at = generator.uniform((rows,), dtype=np.float64)
        places = [_along(at, x) for x in ends]
        between = [
            start + place * (x - start)
            for start, place, x in zip(starts, places, ends, strict=True)
        ]
        made = question.gradients(between)
        if self.multiplies_by_inputs:
            made = tuple(g * (x - start) for g, x, start in zip(made, ends, starts, strict=True))
        means = [g.reshape(times, -1, *g.shape[1:]).mean(0) for g in made]
        result = like(inputs, means)
        if not return_convergence_delta:
            return result
        delta = excess(question, made, starts, ends)
        return result, Tensor(delta.reshape(times, -1).T.reshape(-1))


def chunks(samples: int, at_once: int | None, who: str) -> list[int]:
    """So many samples, in parts of at most `at_once`. Raises: ConfigError."""
    if samples < 1 or (at_once is not None and at_once < 1):
        raise ConfigError(f"{who}: {samples} samples, {at_once} at once; allowed: 1 or more")
    size = at_once or samples
    return [min(size, samples - begin) for begin in range(0, samples, size)]


def noised(
    arrays: Arrays, stdevs: float | Sequence[float], times: int, generator: Generator, who: str
) -> Arrays:
    """The batch `times` over, with normal noise. Shape: (batch, …) -> (times * batch, …)"""
    each = stdevs if isinstance(stdevs, tuple | list) else (stdevs,) * len(arrays)
    if len(each) != len(arrays) or min(each) < 0:
        raise ConfigError(
            f"{who}: stdevs {stdevs} for {len(arrays)} inputs; allowed: 0 or more, one or one each"
        )
    found = []
    for x, deviation in zip(arrays, each, strict=True):
        xp = module_of(x)
        shape = (times * len(x), *x.shape[1:])
        noise = generator.normal(shape, 0.0, 1.0, x.dtype, xp) if deviation else 0
        found.append(xp.concatenate([x] * times) + x.dtype.type(deviation) * noise)
    return tuple(found)


def drawn(rows: Arrays, count: int, generator: Generator) -> Arrays:
    """So many random rows, the same ones of each. Shape: (n, …) -> (count, …)"""
    which = generator.integers(0, len(rows[0]), (count,))
    return tuple(each[module_of(each).asarray(which)] for each in rows)


def _along(values: Array, x: Array) -> Array:
    """A number per row, to be multiplied with x."""
    factors = module_of(x).asarray(values, dtype=x.dtype)
    shaped: Array = factors.reshape(-1, *(1,) * (x.ndim - 1))
    return shaped


def _summary(parts: Sequence[Array], batch: int, nt_type: Kind) -> Array:
    """Over the samples. Shape: parts (samples * batch, …) -> (batch, …)"""
    xp = module_of(parts[0])
    samples = xp.concatenate([part.reshape(-1, batch, *part.shape[1:]) for part in parts])
    if nt_type == "smoothgrad":
        found: Array = samples.mean(0)
    elif nt_type == "smoothgrad_sq":
        found = (samples * samples).mean(0)
    else:
        found = samples.var(0)
    return found
