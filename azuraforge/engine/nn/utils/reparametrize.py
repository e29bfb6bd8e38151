"""weight_norm and spectral_norm as layers were given them before parametrizations: by hooks.

The names in a state_dict are the older ones, `weight_g` or `weight_orig`; weights saved with them
load as they are. New models do better with nn.utils.parametrizations.
"""

from __future__ import annotations

from typing import Any, TypeVar

from azuraforge.engine.grad.modes import no_grad
from azuraforge.engine.nn.module import Module, Parameter
from azuraforge.engine.nn.utils.parametrizations import SpectralNorm, WeightNorm, outputs_axis
from azuraforge.engine.random import Generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Train a weight's lengths, `weight_g`, and direction, `weight_v`, by themselves.

    Source: Salimans and Kingma (2016), Weight normalization.
    """
    weight = _taken(module, name, "weight_norm")
    made = WeightNorm(dim)
    with no_grad():
        length, direction = made.right_inverse(weight)
    setattr(module, f"{name}_g", Parameter(length.data))
    setattr(module, f"{name}_v", Parameter(direction.data))
    return _renewed(module, Renewal(name, made, ("_g", "_v")))


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

    Raises: ConfigError.
    Source: Miyato et al. (2018), Spectral normalization for generative adversarial networks.
    """
    if n_power_iterations < 1:
        raise ConfigError(
            f"spectral_norm: n_power_iterations is {n_power_iterations}; allowed: at least 1"
        )
    weight = _taken(module, name, "spectral_norm")
    axis = outputs_axis(module) if dim is None else dim
    made = OlderSpectralNorm(weight, n_power_iterations, axis, eps, generator=generator)
    setattr(module, f"{name}_orig", weight)
    for part, buffer in made._buffers.items():
        setattr(module, f"{name}{part}", buffer)
    return _renewed(module, Renewal(name, made, ("_orig",)))


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Make the weight one parameter again, as it is now. Raises: ConfigError without the norm."""
    return _removed(module, name, WeightNorm)


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Make the weight one parameter again, as it is now. Raises: ConfigError without the norm."""
    return _removed(module, name, OlderSpectralNorm)


class OlderSpectralNorm(SpectralNorm):
    """With v before u in each iteration."""

    def iterate(self, weight: Tensor, count: int) -> None:
        for _ in range(count):
            self.turn(weight, transposed=True)
            self.turn(weight, transposed=False)


class Renewal:
    """A hook that makes a module's weight anew before each call."""

    def __init__(self, name: str, made: Module, parts: tuple[str, ...]) -> None:
        self.name = name
        self.made = made
        self.parts = parts

    def __call__(self, module: Module, args: Any) -> None:
        setattr(module, self.name, self.weight(module))

    def weight(self, module: Module) -> Tensor:
        self.made.training = module.training
        found: Tensor = self.made(*(getattr(module, f"{self.name}{part}") for part in self.parts))
        return found


def _taken(module: Module, name: str, who: str) -> Parameter:
    """The parameter, which the module then has no more. Raises: ConfigError if it has none."""
    weight = module._parameters.pop(name, None)
    if weight is None:
        raise ConfigError(
            f"{who}: {type(module).__name__} has no parameter {name!r}; it has "
            f"{sorted(module._parameters)}"
        )
    return weight


def _renewed(module: M, renewal: Renewal) -> M:
    handle = module.register_forward_pre_hook(renewal)
    module.__dict__.setdefault("_renewals", {})[renewal.name] = renewal, handle
    with no_grad():
        renewal(module, ())
    return module


def _removed(module: M, name: str, kind: type[Module]) -> M:
    renewal, handle = module.__dict__.get("_renewals", {}).get(name, (None, None))
    if renewal is None or type(renewal.made) is not kind:
        raise ConfigError(f"{name!r} of {type(module).__name__} has no {kind.__name__}")
    renewal.made.training = False
    with no_grad():
        value = renewal.made(*(getattr(module, f"{name}{part}") for part in renewal.parts)).data
    handle.remove()
    del module.__dict__["_renewals"][name]
    for part in (*renewal.parts, *renewal.made._buffers):
        delattr(module, f"{name}{part}")
        for owned in (module._parameters, module._buffers):
            owned.pop(f"{name}{part}", None)
    setattr(module, name, Parameter(value))
    return module
