"""Our optimizers beside PyTorch's, over the settings of its own optimizer database."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn, optim
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import AzuraForgeError

torch = pytest.importorskip("torch", reason="PyTorch is there for comparison (make peers)")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_optimizers import optim_db

STEPS = 20
LEFT_OUT = {"SparseAdam"}  # there are no sparse gradients here
# Muon computes in bfloat16, whose products PyTorch rounds in another order; ASGD's rate is a
# float32 tensor there.
TOLERANCE = {"Muon": 2e-2, "ASGD": 1e-5}

INFOS = [info for info in optim_db if info.name not in LEFT_OUT]
CASES = [
    pytest.param(info.name, dict(case.kwargs), id=f"{info.name}: {case.desc}")
    for info in INFOS
    for case in info.optim_inputs_func(device="cpu")
]


class Problem:
    """A small regression in float64, in either library, from the same weights."""

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        rng = np.random.default_rng(7)
        is_matrix = name == "Muon"
        self.power = 0.5 if settings.get("maximize") else 2  # so that nothing overflows
        self.x, self.y = rng.standard_normal((8, 4)), rng.standard_normal((8, 3))
        self.w, self.b = rng.standard_normal((3, 4)), rng.standard_normal(3)
        self.theirs = [torch.tensor(a, requires_grad=True) for a in (self.w, self.b)]
        self.ours = [Tensor(a.copy(), requires_grad=True) for a in (self.w, self.b)]
        kept = slice(0, 1) if is_matrix else slice(None)
        self.their_optimizer = getattr(torch.optim, name)(self.theirs[kept], **settings)
        self.our_optimizer = getattr(optim, name)(self.ours[kept], **settings)

    def step(self) -> None:
        self.their_optimizer.step(self._their_loss)
        self.our_optimizer.step(self._our_loss)

    def _their_loss(self) -> Any:
        self.their_optimizer.zero_grad()
        w, b = self.theirs
        distance = torch.tensor(self.x) @ w.T + b - torch.tensor(self.y)
        loss = ((1 + distance**2) ** self.power).mean()
        loss.backward()
        return loss

    def _our_loss(self) -> Any:
        self.our_optimizer.zero_grad()
        w, b = self.ours
        distance = nn.functional.linear(Tensor(self.x), w, b) - Tensor(self.y)
        loss = ((1 + distance**2) ** self.power).mean()
        loss.backward()
        return loss

    def check(self, tolerance: float) -> None:
        for own, their in zip(self.ours, self.theirs, strict=True):
            np.testing.assert_allclose(
                own.data, their.detach().numpy(), rtol=tolerance, atol=tolerance
            )


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_weights_are_pytorchs_after_every_step(name: str, settings: dict[str, Any]) -> None:
    problem = Problem(name, settings)

    for _ in range(STEPS):
        problem.step()

        problem.check(TOLERANCE.get(name, 1e-8))


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_pytorchs_state_is_taken_over(name: str, settings: dict[str, Any]) -> None:
    problem = Problem(name, settings)
    for _ in range(3):
        problem.step()
    fresh = getattr(optim, name)(problem.our_optimizer.params)

    fresh.load_state_dict(problem.their_optimizer.state_dict())
    problem.our_optimizer = fresh
    for _ in range(3):
        problem.step()

    problem.check(TOLERANCE.get(name, 1e-8))


def test_wrong_settings_are_refused_where_pytorch_refuses_them() -> None:
    taken = []
    for info in INFOS:
        for case in info.optim_error_inputs_func(device="cpu", dtype=torch.float64):
            given = case.optimizer_error_input
            if "complex" in given.desc:
                continue  # there are no complex parameters here
            params = _as_ours(given.params)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    getattr(optim, info.name)(params, **given.kwargs)
            except (AzuraForgeError, TypeError, UserWarning):
                continue
            taken.append(f"{info.name}: {given.desc}")
    assert not taken


def _as_ours(params: Any) -> Any:
    """Their tensors, wherever they are, as ours: one for each."""
    made: dict[int, Tensor] = {}

    def ours(x: Any) -> Any:
        if torch.is_tensor(x):
            return made.setdefault(id(x), Tensor(x.detach().numpy(), requires_grad=True))
        if isinstance(x, dict):
            return {key: ours(value) for key, value in x.items()}
        return type(x)(map(ours, x)) if isinstance(x, (list, tuple)) else x

    return ours(params)
