"""DeepLIFT: differences from a baseline, shared out module by module."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azuraforge.attributions.attribution import Attribution, excess
from azuraforge.attributions.inputs import Given, baselines_of, like
from azuraforge.attributions.replaced import Backward, hooked, replaced_gradients
from azuraforge.engine import nn
from azuraforge.engine.device import Array, module_of
from azuraforge.engine.grad.higher import grad
from azuraforge.engine.grad.modes import enable_grad
from azuraforge.engine.nn import Module
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

RESCALED = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.CELU, nn.SELU, nn.SiLU, nn.GELU),
    *(nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Softplus, nn.Softsign, nn.Mish, nn.Tanhshrink),
    *(nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.Hardshrink, nn.Softshrink, nn.Threshold),
    *(nn.Softmax, nn.LogSoftmax),
)
POOLS = (
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
)
Calls = dict[Module, deque[tuple[Tensor, Tensor]]]  # x and y of each call, the first first


class DeepLift(Attribution):
    """(x - x') m, where m goes back through the model as a gradient does, nonlinear modules apart.

    There it is (y - y') / (x - x'), the rescale rule, so that attributions add up to f(x) - f(x').
    A max pool passes what it gained to the largest input, and what it lost to the baseline's
    largest. Functions called in a forward, and modules of other kinds, have their gradient.

    Source: Shrikumar et al. (2017), Learning important features through propagating activation
    differences.
    """

    needs_gradient = True

    def __init__(self, model: Module, multiply_by_inputs: bool = True, eps: float = 1e-10) -> None:
        super().__init__(model)
        if not isinstance(model, Module):
            raise ConfigError(f"{self.name}: model is {type(model).__name__}; allowed: a module")
        self.model = model
        self.multiplies_by_inputs = multiply_by_inputs
        self.eps = eps  # differences smaller than that have the gradient

    def has_convergence_delta(self) -> bool:
        return True

    def attribute(
        self,
        inputs: Given,
        baselines: Any = None,
        target: Any = None,
        additional_forward_args: Any = None,
        return_convergence_delta: bool = False,
    ) -> Any:
        """Attributions; beside them, if asked for, how far the sum of each example's is off."""
        ends, question = self.asked(inputs, target, additional_forward_args)
        starts = baselines_of(ends, baselines, self.name)
        before: Calls = defaultdict(deque)
        with noted(self.model, before):
            question.outputs(starts)

        def rule(module: Module, x: Tensor, y: Tensor) -> Backward:
            x0, y0 = before[module].popleft()
            pool = isinstance(module, POOLS)
            return lambda g: (_pooled if pool else _rescaled)(module, x, y, x0, y0, g, self.eps)

        with replaced_gradients(self.model, (*RESCALED, *POOLS), rule):
            made = question.gradients(ends)
        if self.multiplies_by_inputs:
            made = tuple(g * (x - start) for g, x, start in zip(made, ends, starts, strict=True))
        result = like(inputs, made)
        if not return_convergence_delta:
            return result
        return result, Tensor(excess(question, made, starts, ends))


@contextmanager
def noted(model: Module, calls: Calls) -> Iterator[None]:
    """Within the block, what goes in and out of the nonlinear modules is written down."""

    def note(module: Module, x: Tensor, y: Tensor) -> None:
        calls[module].append((x.detach(), y.detach()))

    with hooked(model, (*RESCALED, *POOLS), note):
        yield


def _rescaled(
    module: Module, x: Tensor, y: Tensor, x0: Tensor, y0: Tensor, g: Tensor, eps: float
) -> Tensor:
    moved = x.data - x0.data
    is_small = abs(moved) < eps
    slope = (y.data - y0.data) / (moved + is_small)
    gx = g.data * slope
    if is_small.any():
        gx = module_of(gx).where(is_small, _gradient(module, x, g), gx)
    return Tensor(gx)


def _pooled(
    module: Module, x: Tensor, y: Tensor, x0: Tensor, y0: Tensor, g: Tensor, eps: float
) -> Tensor:
    gained = y.data - y0.data
    shares = _gradient(module, x, Tensor(g.data * gained.clip(0)))
    shares = shares + _gradient(module, x0, Tensor(g.data * gained.clip(None, 0)))
    moved = x.data - x0.data
    is_small = abs(moved) < eps
    return Tensor(module_of(shares).where(is_small, 0, shares / (moved + is_small)))


def _gradient(module: Module, x: Tensor, g: Tensor) -> Array:
    """The module's own."""
    with enable_grad():
        leaf = Tensor(x.data).requires_grad_()
        (found,) = grad(module.forward(leaf), leaf, g)
    assert found is not None  # allow_unused is not asked for
    return found.data
