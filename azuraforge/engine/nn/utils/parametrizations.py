"""Weights by length and direction, of spectral norm 1, and with a change of low rank."""

from __future__ import annotations

import math
from typing import TypeVar, cast

import numpy as np

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.functions.norms import vector_norm
from azuraforge.engine.nn import init
from azuraforge.engine.nn.functional.norm import normalize
from azuraforge.engine.nn.module import Buffer, Module, Parameter
from azuraforge.engine.nn.utils.parametrize import register_parametrization
from azuraforge.engine.ops.shape import clone, permute, reshape
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

__all__ = ["lora", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Train the lengths of a weight, along `dim` or of all of it, and its direction by themselves.

    Source: Salimans and Kingma (2016), Weight normalization.
    """
    return register_parametrization(module, name, WeightNorm(dim))


def spectral_norm(
    module: M,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
    *,
    generator: Generator | None = None,
) -> M:
    """Divide a weight by its largest singular value, as power iteration finds it step by step.

    `dim` is the axis of the outputs: 1 for transposed convolutions, else 0, unless given.

    Raises: ConfigError.
    Source: Miyato et al. (2018), Spectral normalization for generative adversarial networks.
    """
    weight = module._parameters.get(name)
    if weight is None or n_power_iterations < 1:
        raise ConfigError(
            f"spectral_norm: name {name!r}, n_power_iterations {n_power_iterations}; allowed: one "
            f"of {sorted(module._parameters)}, at least 1"
        )
    axis = outputs_axis(module) if dim is None else dim
    made = SpectralNorm(weight, n_power_iterations, axis, eps, generator=generator)
    return register_parametrization(module, name, made)


def lora(
    module: M,
    name: str = "weight",
    rank: int = 8,
    alpha: float | None = None,
    *,
    generator: Generator | None = None,
) -> M:
    """Freeze a weight, and train a change of low rank to it: W + alpha / rank B A.

    B begins with zeros, so that nothing changes at first. `alpha` is `rank` unless given.
    remove_parametrizations puts the change into the weight.

    Shape:  weight (out, …); A (rank, the other axes' elements), B (out, rank)
    Raises: ConfigError.
    Source: Hu et al. (2022), LoRA.
    """
    weight = module._parameters.get(name)
    if weight is None or weight.ndim < 2 or rank < 1:
        raise ConfigError(
            f"lora: name {name!r}, rank {rank}; allowed: a weight of two axes or more among "
            f"{sorted(module._parameters)}, at least 1"
        )
    weight.requires_grad_(False)
    share = 1.0 if alpha is None else alpha / rank
    return register_parametrization(module, name, LoRA(weight, rank, share, generator))


class WeightNorm(Module):
    """w = g v / ‖v‖, the norm along all axes but one."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, length: Tensor, direction: Tensor) -> Tensor:
        return direction * (length / self.lengths(direction))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return self.lengths(weight), weight

    def lengths(self, weight: Tensor) -> Tensor:
        if self.dim in (None, -1):
            return vector_norm(weight)
        axes = [axis for axis in range(weight.ndim) if axis != self.dim]
        return vector_norm(weight, 2, axes, keepdim=True)


class SpectralNorm(Module):
    """w / σ(w), with vectors u and v of which uᵀ w v comes to the largest singular value."""

    _u: Buffer
    _v: Buffer

    def __init__(
        self,
        weight: Tensor,
        n_power_iterations: int = 1,
        dim: int = 0,
        eps: float = 1e-12,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.n_power_iterations = n_power_iterations
        self.dim = dim % max(weight.ndim, 1)
        self.eps = eps
        if weight.ndim > 1:
            rows, columns = self.matrix(weight).shape
            draw = generator or default_generator()
            xp = module_of(weight.data)
            for name, size in (("_u", rows), ("_v", columns)):
                vector = draw.normal((size,), 0.0, 1.0, weight.dtype, xp)
                setattr(self, name, Buffer(vector / max(float(xp.linalg.norm(vector)), eps)))
            self.iterate(weight, 15)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        if self.training:
            self.iterate(weight, self.n_power_iterations)
        u, v = clone(self._u), clone(self._v)  # which the next step changes
        return weight / (u * (self.matrix(weight) @ v)).sum()  # type: ignore[no-any-return]

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight with the axis of the outputs first, and the others as one."""
        others = [axis for axis in range(weight.ndim) if axis != self.dim]
        turned = permute(weight, dims=(self.dim, *others))
        return cast(Tensor, reshape(turned, shape=(turned.shape[0], -1)))

    def iterate(self, weight: Tensor, count: int) -> None:
        for _ in range(count):
            self.turn(weight, transposed=False)
            self.turn(weight, transposed=True)

    def turn(self, weight: Tensor, *, transposed: bool) -> None:
        """u = W v, or v = Wᵀ u, of length 1."""
        u, v = self._u.data, self._v.data
        to, by = (v, u) if transposed else (u, v)
        tape.change(_turn, to, by, weight.data, self.dim, transposed, self.eps)


class LoRA(Module):
    """W + share B A."""

    def __init__(
        self, weight: Tensor, rank: int, share: float, generator: Generator | None
    ) -> None:
        super().__init__()
        out, depth = weight.shape[0], math.prod(weight.shape[1:])
        xp = module_of(weight.data)
        self.share = share
        self.lora_A = Parameter(xp.empty((rank, depth), weight.dtype))
        self.lora_B = Parameter(xp.zeros((out, rank), weight.dtype))
        init.kaiming_uniform_(self.lora_A, math.sqrt(5), generator=generator)

    def forward(self, weight: Tensor) -> Tensor:
        change = (self.lora_B @ self.lora_A) * self.share
        return weight + cast(Tensor, reshape(change, shape=weight.shape))


def outputs_axis(module: Module) -> int:
    """The axis of a layer's weight along which its outputs are."""
    from azuraforge.engine.nn.conv import TransposedConvolution  # here: nn imports nn.utils

    return 1 if isinstance(module, TransposedConvolution) else 0


def _turn(to: Array, by: Array, weight: Array, dim: int, transposed: bool, eps: float) -> None:
    """to = M by / ‖M by‖, M being the weight as a matrix, or its transpose."""
    xp = module_of(weight)
    matrix = xp.moveaxis(weight, dim, 0).reshape(weight.shape[dim], -1)
    vector = (matrix.T if transposed else matrix) @ by
    with np.errstate(all="ignore"):
        to[...] = vector / xp.maximum(xp.linalg.norm(vector), eps)
