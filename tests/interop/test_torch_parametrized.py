"""weight_norm and spectral_norm, old and new, beside PyTorch's: keys, outputs, gradients, steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn
from azuraforge.engine.nn.utils import parametrizations
from azuraforge.engine.tensor import Tensor

torch = pytest.importorskip("torch", reason="PyTorch is there for comparison (make peers)")

Made = Callable[[Any, Any, Any], Any]  # of nn, of nn.utils, and of its parametrizations
CASES: dict[str, tuple[Made, tuple[int, ...]]] = {
    "weight_norm": (lambda n, u, p: p.weight_norm(n.Linear(4, 3)), (5, 4)),
    "weight_norm, dim 1": (
        lambda n, u, p: p.weight_norm(n.Conv2d(2, 3, 2), "weight", 1), (2, 2, 4, 4),
    ),
    "weight_norm, of all": (lambda n, u, p: u.weight_norm(n.Linear(4, 3), dim=None), (5, 4)),
    "weight_norm by hooks": (lambda n, u, p: u.weight_norm(n.Conv1d(2, 3, 2)), (2, 2, 5)),
    "spectral_norm": (lambda n, u, p: p.spectral_norm(n.Linear(4, 3)), (5, 4)),
    "spectral_norm, transposed": (
        lambda n, u, p: p.spectral_norm(n.ConvTranspose2d(2, 3, 2), n_power_iterations=2),
        (2, 2, 3, 3),
    ),
    "spectral_norm of a vector": (
        lambda n, u, p: p.spectral_norm(n.Linear(4, 3), "bias"), (5, 4),
    ),
    "spectral_norm by hooks": (lambda n, u, p: u.spectral_norm(n.Linear(4, 3)), (5, 4)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # PyTorch's own
@pytest.mark.parametrize("name", CASES)
def test_state_outputs_gradients_and_the_next_steps_are_pytorchs(name: str) -> None:
    make, shape = CASES[name]
    theirs = make(torch.nn, torch.nn.utils, torch.nn.utils.parametrizations).double()
    own = make(nn, nn.utils, parametrizations).double()
    own.load_state_dict({key: x.numpy() for key, x in theirs.state_dict().items()})
    rng = np.random.default_rng(0)

    for training in (True, True, False):
        x = rng.standard_normal(shape)
        own.train(training), theirs.train(training)
        y, expected = own(Tensor(x)), theirs(torch.tensor(x))
        y.square().sum().backward()
        expected.square().sum().backward()

        np.testing.assert_allclose(y.data, expected.detach().numpy(), 1e-9, 1e-12)
        gradients = {key: p.grad.data for key, p in own.named_parameters()}
        for key, p in theirs.named_parameters():
            np.testing.assert_allclose(gradients[key], p.grad.numpy(), 1e-8, 1e-11)
        for key, state in theirs.state_dict().items():
            np.testing.assert_allclose(own.state_dict()[key], state.numpy(), 1e-9, 1e-12)
