"""What all optimizers share, on the gradient of Σ w⁴ / 4."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from azuraforge import capture
from azuraforge.engine import optim
from azuraforge.engine.optim.flat import flat, nested
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

KINDS: dict[str, Any] = {
    "SGD": lambda params: optim.SGD(params, lr=0.1),
    "momentum": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.1),
    "Adam": lambda params: optim.Adam(params, lr=0.1, weight_decay=0.1),
    "amsgrad": lambda params: optim.Adam(params, lr=0.1, amsgrad=True),
    "AdamW": lambda params: optim.AdamW(params, lr=0.1, weight_decay=0.1),
    "Adamax": optim.Adamax,
    "NAdam": optim.NAdam,
    "RAdam": optim.RAdam,
    "Adagrad": optim.Adagrad,
    "Adadelta": optim.Adadelta,
    "RMSprop": lambda params: optim.RMSprop(params, momentum=0.9, centered=True),
    "Rprop": optim.Rprop,
    "ASGD": lambda params: optim.ASGD(params, t0=2),
    "Adafactor": optim.Adafactor,
    "Lion": lambda params: optim.Lion(params, lr=0.1, weight_decay=0.1),
    "LAMB": lambda params: optim.LAMB(params, lr=0.1, weight_decay=0.1),
}


def train(optimizer: optim.Optimizer, steps: int) -> None:
    for _ in range(steps):
        for w in optimizer.params:
            w.grad = Tensor(w.data**3)
        optimizer.step()


def weights() -> list[Tensor]:
    return [tensor([1.0, -2.0], requires_grad=True), tensor([[0.5]], requires_grad=True)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_optimizer_goes_on_as_the_one_saved(kind: str) -> None:
    params = weights()
    optimizer = KINDS[kind](params)
    train(optimizer, 3)
    arrays, values = flat(optimizer.state_dict())
    state = nested({key: array.copy() for key, array in arrays.items()}, values)
    copies = [tensor(w, requires_grad=True) for w in params]

    resumed = KINDS[kind](copies)
    resumed.load_state_dict(state)
    train(optimizer, 4)
    train(resumed, 4)

    for w, copy in zip(params, copies, strict=True):
        np.testing.assert_array_equal(copy.data, w.data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fresh_state_begins_anew(kind: str) -> None:
    params, others = weights(), weights()
    optimizer, fresh = KINDS[kind](params), KINDS[kind](others)
    train(optimizer, 3)

    optimizer.load_state_dict(fresh.state_dict())
    for w, other in zip(params, others, strict=True):
        w.data[...] = other.data
    train(optimizer, 3)
    train(fresh, 3)

    for w, other in zip(params, others, strict=True):
        np.testing.assert_array_equal(w.data, other.data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_without_a_gradient_stays_as_it_is(kind: str) -> None:
    first, second = weights()
    optimizer = KINDS[kind]([first, second])
    first.grad = Tensor(np.ones(2, np.float32))

    optimizer.step()

    assert first.data.tolist() != [1, -2]
    assert second.data.tolist() == [[0.5]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_has_settings_of_its_own(kind: str) -> None:
    first, second = weights()
    optimizer = KINDS[kind]([{"params": [first], "lr": 0.0}, {"params": second}])

    train(optimizer, 2)

    if kind != "Rprop":  # whose lr is but the first step's length
        np.testing.assert_array_equal(first.data, [1, -2])
    assert second.data.tolist() != [[0.5]]


def test_a_learning_rate_changed_between_steps_is_used() -> None:
    (w, _), g = weights(), Tensor(np.ones(2, np.float32))
    optimizer = optim.SGD([w], lr=0.5)
    w.grad = g
    optimizer.step()

    optimizer.param_groups[0]["lr"] = 0.25
    optimizer.step()

    np.testing.assert_array_equal(w.data, [0.25, -2.75])


def test_momentum_switched_on_between_steps_begins_with_the_next_gradient() -> None:
    w = tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)
    train(optimizer, 1)

    optimizer.param_groups[0]["momentum"] = 0.5
    train(optimizer, 2)

    after_one = 1.0 - 0.1 * 1.0
    after_two = after_one - 0.1 * after_one**3
    after_three = after_two - 0.1 * (0.5 * after_one**3 + after_two**3)
    assert w.item() == pytest.approx(after_three, rel=1e-6)


def test_the_closure_gives_the_gradients_and_what_step_returns() -> None:
    w = tensor([3.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    loss = optimizer.step(closure)

    assert loss.item() == 9
    np.testing.assert_allclose(w.data, 3 - 0.1 * 6, rtol=1e-6)


def test_zero_grad_forgets_gradients_or_fills_them_with_zeros() -> None:
    optimizer = KINDS["SGD"](weights())
    optimizer.params[0].grad = Tensor(np.ones(2, np.float32))

    optimizer.zero_grad(set_to_none=False)
    assert optimizer.params[0].grad.data.tolist() == [0, 0]

    optimizer.zero_grad()
    assert [w.grad for w in optimizer.params] == [None, None]


def test_a_state_that_does_not_fit_is_refused() -> None:
    optimizer = KINDS["momentum"](weights())
    train(optimizer, 1)
    state = optimizer.state_dict()

    fewer = {**state, "param_groups": [{**state["param_groups"][0], "params": [0]}]}
    with pytest.raises(ConfigError, match=r"groups of \[1\] parameters do not fit .* \[2\]"):
        optimizer.load_state_dict(fewer)
    other = {**state["state"], 0: {"momentum_buffer": np.zeros(3)}}
    with pytest.raises(ShapeError, match=r"momentum_buffer.0: \(3,\) does not fit \(2,\)"):
        optimizer.load_state_dict({**state, "state": other})


def test_parameters_that_cannot_be_trained_are_refused() -> None:
    w, other = weights()

    with pytest.raises(DTypeError, match="iterable of Tensors or dicts"):
        optim.SGD(w)
    with pytest.raises(DTypeError, match="can only optimize Tensors"):
        optim.SGD([1.0])
    with pytest.raises(ConfigError, match="non-leaf"):
        optim.SGD([w * 2])
    with pytest.raises(ConfigError, match="no parameters"):
        optim.SGD([])
    with pytest.raises(ConfigError, match="more than one parameter group"):
        optim.SGD([{"params": [w]}, {"params": [other, w]}])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([w, w])


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("SGD", {"lr": -1.0}, "lr -1.0; allowed: lr >= 0"),
        ("SGD", {"lr": math.nan}, "lr nan"),
        ("SGD", {"lr": np.ones(2)}, "1-element"),
        ("SGD", {"weight_decay": -0.1}, "weight_decay -0.1"),
        ("SGD", {"momentum": -0.1}, "momentum -0.1"),
        ("SGD", {"nesterov": True}, "requires a momentum"),
        ("Adam", {"betas": (1.0, 0.9)}, r"betas\[0\] 1.0; allowed: 0 <= beta < 1"),
        ("AdamW", {"eps": -1.0}, "eps -1.0"),
        ("NAdam", {"momentum_decay": -1.0}, "momentum_decay -1.0"),
        ("Adagrad", {"lr_decay": -0.5}, "lr_decay -0.5"),
        ("Adadelta", {"rho": 1.1}, "rho 1.1"),
        ("RMSprop", {"momentum": -1.0}, "momentum -1.0"),
        ("Rprop", {"etas": (1.0, 0.5)}, "etas"),
        ("Adafactor", {"d": 0.5}, "d 0.5; allowed: d >= 1"),
        ("Muon", {"ns_steps": 100}, "ns_steps 100"),
        ("LBFGS", {"line_search_fn": "armijo"}, "line_search_fn 'armijo'"),
    ],
)
def test_settings_out_of_range_are_refused(kind: str, settings: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        getattr(optim, kind)([tensor([[1.0]], requires_grad=True)], **settings)


def test_muon_takes_matrices_alone() -> None:
    with pytest.raises(ShapeError, match=r"shape \(2,\); allowed: matrices"):
        optim.Muon(weights())


def test_lbfgs_wants_a_closure() -> None:
    with pytest.raises(ConfigError, match="closure"):
        optim.LBFGS(weights()).step()


def test_lion_goes_by_the_sign() -> None:
    w = tensor([1.0, -1.0, 2.0], requires_grad=True)
    optimizer = optim.Lion([w], lr=0.1, betas=(0.9, 0.5), weight_decay=0.5)
    w.grad = Tensor(np.array([4.0, -0.1, 0.0], np.float32))

    optimizer.step()  # by the paper's algorithm 2

    np.testing.assert_allclose(w.data, [0.95 - 0.1, -0.95 + 0.1, 1.9], rtol=1e-6)
    np.testing.assert_allclose(optimizer.state[w]["exp_avg"], [2.0, -0.05, 0.0], rtol=1e-6)


def test_lamb_steps_by_the_length_of_the_weights() -> None:
    w = tensor([3.0, 4.0], requires_grad=True)
    optimizer = optim.LAMB([w], lr=0.1, eps=0.0)
    w.grad = Tensor(np.array([0.2, 0.7], np.float32))

    optimizer.step()  # the first step of Adam is the sign; it is scaled to lr times 5

    moved = 0.1 * 5 / math.sqrt(2)
    np.testing.assert_allclose(w.data, [3 - moved, 4 - moved], rtol=1e-5)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_rate_in_a_tensor_can_be_changed_there(shape: tuple[int, ...]) -> None:
    lr = Tensor(np.full(shape, 0.25, np.float32))
    w = tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([w], lr=lr)

    @capture
    def step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = (w * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(3):
        step(tensor([1.0]))
    lr.data[...] = 1.0
    step(tensor([1.0]))

    assert step.is_replayed
    assert w.data.tolist() == [1 - 3 * 0.25 - 1]
