"""Layers, losses and optimizers give PyTorch's numbers, from PyTorch's state_dict."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn, optim
from azuraforge.engine.nn import functional
from azuraforge.engine.ops import elementwise, reduce
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.tensor import Tensor

torch = pytest.importorskip("torch", reason="PyTorch, the extra `peers`, is not installed")

RNG = np.random.default_rng(11)
IMAGES = RNG.standard_normal((3, 2, 9, 8)).astype(np.float32)
SERIES = RNG.standard_normal((6, 3, 4)).astype(np.float32)
ROWS = RNG.standard_normal((5, 4)).astype(np.float32)

LAYERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "Linear": (ROWS, {"args": (4, 3)}),
    "Linear without bias": (ROWS, {"args": (4, 3), "bias": False}),
    "Linear over a series": (SERIES, {"args": (4, 3)}),
    "Conv2d": (IMAGES, {"args": (2, 5, 3)}),
    "Conv2d, strided": (IMAGES, {"args": (2, 5, (3, 2)), "stride": (2, 1), "padding": (1, 2)}),
    "Conv2d, dilated": (IMAGES, {"args": (2, 5, (3, 2)), "stride": 2, "dilation": (2, 3)}),
    "Conv2d without bias": (IMAGES, {"args": (2, 5, 1), "bias": False}),
    "Conv1d": (SERIES, {"args": (3, 5, 3)}),
    "Conv1d, dilated": (SERIES, {"args": (3, 5, 2), "padding": 4, "dilation": 4}),
    "Conv1d, strided": (SERIES, {"args": (3, 5, 2, 2, 1), "bias": False}),
    "MaxPool2d": (IMAGES, {"args": (2,)}),
    "MaxPool2d, padded": (IMAGES, {"args": (3,), "stride": 2, "padding": 1}),
    "AdaptiveAvgPool2d": (IMAGES, {"args": (1,)}),
    "AdaptiveAvgPool2d, overlapping": (IMAGES, {"args": ((4, 5),)}),
    "AdaptiveAvgPool2d, one size kept": (IMAGES, {"args": ((None, 3),)}),
    "ReLU": (ROWS, {"args": ()}),
    "Tanh": (ROWS, {"args": ()}),
    "Sigmoid": (ROWS, {"args": ()}),
    "SiLU": (ROWS, {"args": ()}),
    "GELU": (ROWS, {"args": ()}),
    "GELU, approximate": (ROWS, {"args": ("tanh",)}),
    "Softmax": (SERIES, {"args": (1,)}),
    "LayerNorm": (SERIES, {"args": (4,)}),
    "LayerNorm over two axes": (SERIES, {"args": ((3, 4),), "eps": 0.1}),
    "LayerNorm without bias": (SERIES, {"args": (4,), "bias": False}),
    "LayerNorm without parameters": (SERIES, {"args": (4,), "elementwise_affine": False}),
    "BatchNorm1d": (ROWS, {"args": (4,)}),
    "BatchNorm1d over a series": (SERIES, {"args": (3,), "eps": 0.1}),
    "BatchNorm1d without parameters": (ROWS, {"args": (4,), "affine": False}),
    "BatchNorm2d": (IMAGES, {"args": (2,)}),
    "BatchNorm2d without statistics": (IMAGES, {"args": (2,), "track_running_stats": False}),
    "Flatten": (IMAGES, {"args": ()}),
    "LSTM": (SERIES, {"args": (4, 5)}),
    "LSTM of two layers": (SERIES, {"args": (4, 5, 2), "dropout": 0.0}),
    "LSTM, batch first": (SERIES, {"args": (4, 5), "batch_first": True}),
    "GRU": (SERIES, {"args": (4, 5)}),
    "GRU of two layers": (SERIES, {"args": (4, 5, 2), "dropout": 0.0}),
    "GRU, batch first": (SERIES, {"args": (4, 5), "batch_first": True}),
}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(12)


def weighted(ours: Tensor, theirs: Any) -> tuple[Tensor, Any]:
    """Both outputs summed with the same weights, no two alike."""
    weights = np.cos(np.arange(ours.data.size, dtype=np.float32)).reshape(ours.shape)
    return (ours * weights).sum(), (theirs * torch.from_numpy(weights)).sum()


def close(ours: Any, theirs: Any, name: str = "") -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_the_same_output_and_gradients(name: str) -> None:
    x, options = LAYERS[name]
    kind, args = name.replace(",", " ").split()[0], options["args"]
    settings = {key: value for key, value in options.items() if key != "args"}
    theirs = getattr(torch.nn, kind)(*args, **settings)
    ours = getattr(nn, kind)(*args, **settings)
    for parameter in theirs.parameters():  # ones and zeros would hide their part
        parameter.data += 0.3 * torch.randn(parameter.shape)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    our_x, their_x = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)

    y, their_y = ours(our_x), theirs(their_x)
    y, their_y = (y[0], their_y[0]) if kind in ("LSTM", "GRU") else (y, their_y)
    close(y.detach().numpy(), their_y.detach().numpy())
    for total in weighted(y, their_y):
        total.backward()

    close(our_x.grad.data, their_x.grad.numpy(), "input")
    expected = dict(theirs.named_parameters())
    assert expected.keys() == dict(ours.named_parameters()).keys()
    for path, parameter in ours.named_parameters():
        close(parameter.grad.data, expected[path].grad.numpy(), path)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [("BatchNorm1d", (6, 4)), ("BatchNorm1d", (3, 4, 5)), ("BatchNorm2d", (3, 4, 5, 2))],
)
def test_batch_norm_keeps_and_uses_the_same_statistics(kind: str, shape: tuple[int, ...]) -> None:
    theirs, ours = (getattr(m, kind)(4, momentum=0.3) for m in (torch.nn, nn))
    for parameter in theirs.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    batches = [2 * RNG.standard_normal(shape).astype(np.float32) + 1 for _ in range(3)]

    for x in batches:
        ours(Tensor(x))
        theirs(torch.tensor(x))
    expected = theirs.state_dict()
    assert list(ours.state_dict()) == list(expected)
    for key, array in ours.state_dict().items():
        assert array.dtype == expected[key].numpy().dtype
        close(array, expected[key].numpy(), key)

    x, their_x = Tensor(batches[0], True), torch.tensor(batches[0], requires_grad=True)
    y, their_y = ours.eval()(x), theirs.eval()(their_x)
    close(y.detach().numpy(), their_y.detach().numpy())
    for total in weighted(y, their_y):
        total.backward()
    assert x.grad is not None
    close(x.grad.data, their_x.grad.numpy(), "input")
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(mine.grad.data, other.grad.numpy())
    assert ours.state_dict()["num_batches_tracked"] == 3


@pytest.mark.parametrize(
    ("queries", "keys", "options"),
    [
        ((2, 3, 5, 4), (2, 3, 5, 4), {}),
        ((2, 3, 5, 4), (2, 3, 5, 4), {"is_causal": True}),
        ((2, 3, 4), (2, 6, 4), {"is_causal": True, "scale": 0.3}),
        ((2, 6, 4), (2, 3, 4), {"is_causal": True}),
    ],
)
def test_attention_is_the_same(
    queries: tuple[int, ...], keys: tuple[int, ...], options: dict[str, Any]
) -> None:
    arrays = [RNG.standard_normal(shape).astype(np.float32) for shape in (queries, keys, keys)]
    ours = [Tensor(x, requires_grad=True) for x in arrays]
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays]

    y = functional.scaled_dot_product_attention(*ours, **options)
    their_y = torch.nn.functional.scaled_dot_product_attention(*theirs, **options)
    close(y.detach().numpy(), their_y.detach().numpy())
    for total in weighted(y, their_y):
        total.backward()

    for mine, other in zip(ours, theirs, strict=True):
        assert mine.grad is not None
        close(mine.grad.data, other.grad.numpy())


def test_an_lstm_goes_on_from_given_states() -> None:
    theirs, ours = torch.nn.LSTM(4, 5, 2), nn.LSTM(4, 5, 2)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    states = [RNG.standard_normal((2, 3, 5)).astype(np.float32) for _ in range(2)]
    our_states = tuple(Tensor(s, requires_grad=True) for s in states)
    their_states = tuple(torch.tensor(s, requires_grad=True) for s in states)

    y, (h, c) = ours(Tensor(SERIES), our_states)
    their_y, (their_h, their_c) = theirs(torch.tensor(SERIES), their_states)
    for mine, other in ((y, their_y), (h, their_h), (c, their_c)):
        close(mine.detach().numpy(), other.detach().numpy())
    (y.sum() + (h * 2.0).sum() + (c * 3.0).sum()).backward()
    (their_y.sum() + (their_h * 2.0).sum() + (their_c * 3.0).sum()).backward()

    for mine, other in zip(our_states, their_states, strict=True):
        close(mine.grad.data, other.grad.numpy())


def test_a_gru_goes_on_from_a_given_state() -> None:
    theirs, ours = torch.nn.GRU(4, 5, 2), nn.GRU(4, 5, 2)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    state = RNG.standard_normal((2, 3, 5)).astype(np.float32)
    our_h, their_h = Tensor(state, requires_grad=True), torch.tensor(state, requires_grad=True)

    y, h = ours(Tensor(SERIES), our_h)
    their_y, their_end = theirs(torch.tensor(SERIES), their_h)
    for mine, other in ((y, their_y), (h, their_end)):
        close(mine.detach().numpy(), other.detach().numpy())
    (y.sum() + (h * 2.0).sum()).backward()
    (their_y.sum() + (their_end * 2.0).sum()).backward()

    assert our_h.grad is not None
    close(our_h.grad.data, their_h.grad.numpy())


def test_an_embedding_gives_the_same_rows_and_gradient() -> None:
    theirs, ours = torch.nn.Embedding(6, 3), nn.Embedding(6, 3)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    indices = np.array([[0, 5, 5], [2, 0, 5]])

    y, their_y = ours(indices), theirs(torch.tensor(indices))
    for total in weighted(y, their_y):
        total.backward()

    close(y.detach().numpy(), their_y.detach().numpy())
    close(ours.weight.grad.data, theirs.weight.grad.numpy())


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_cross_entropy_is_the_same(scale: float) -> None:
    x, target = ROWS * np.float32(scale), np.array([0, 3, 1, 2, 0])
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)

    loss = functional.cross_entropy(ours, target)
    their_loss = torch.nn.functional.cross_entropy(theirs, torch.tensor(target))
    loss.backward()
    their_loss.backward()

    assert loss.item() == pytest.approx(their_loss.item(), rel=1e-5)
    assert ours.grad is not None
    close(ours.grad.data, theirs.grad.numpy())


def test_mse_loss_is_the_same_for_both_operands() -> None:
    a, b = ROWS, ROWS[::-1].copy()
    ours = [Tensor(x, requires_grad=True) for x in (a, b)]
    theirs = [torch.tensor(x, requires_grad=True) for x in (a, b)]

    loss, their_loss = functional.mse_loss(*ours), torch.nn.functional.mse_loss(*theirs)
    loss.backward()
    their_loss.backward()

    assert loss.item() == pytest.approx(their_loss.item(), rel=1e-5)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.grad is not None
        close(mine.grad.data, other.grad.numpy())


FUNCTIONS: dict[str, tuple[Any, Any]] = {
    "tanh": (lambda x: x.tanh(), lambda x: x.tanh()),
    "erf": (elementwise.erf, lambda x: x.erf()),
    "gelu far out": (
        lambda x: functional.gelu(x * 8.0),
        lambda x: torch.nn.functional.gelu(x * 8.0),
    ),
    "silu far out": (
        lambda x: functional.silu(x * 50.0),
        lambda x: torch.nn.functional.silu(x * 50.0),
    ),
    "log_softmax": (
        lambda x: functional.log_softmax(x * 100.0, 1),
        lambda x: torch.nn.functional.log_softmax(x * 100.0, 1),
    ),
    "sigmoid": (lambda x: x.sigmoid(), lambda x: x.sigmoid()),
    "exp": (lambda x: x.exp(), lambda x: x.exp()),
    "log of the square": (lambda x: x.square().log(), lambda x: x.square().log()),
    "sqrt of the size": (lambda x: x.abs().sqrt(), lambda x: x.abs().sqrt()),
    "power": (lambda x: x**3, lambda x: x**3),
    "quotient": (lambda x: x / (x * x + 1.0), lambda x: x / (x * x + 1.0)),
    "mean over rows": (lambda x: x.mean(0), lambda x: x.mean(0)),
    "amax": (lambda x: x.amax(1, keepdim=True), lambda x: x.amax(1, keepdim=True)),
    "logsumexp": (lambda x: reduce.logsumexp(x, axis=1), lambda x: x.logsumexp(1)),
    "product with itself": (lambda x: x @ x.T, lambda x: x @ x.T),
    "product with a row": (lambda x: x @ x[0], lambda x: x @ x[0]),
    "chosen rows": (lambda x: x[[0, 2, 0]], lambda x: x[[0, 2, 0]]),
    "every other column": (lambda x: x[:, ::2], lambda x: x[:, ::2]),
    "joined": (lambda x: layout.cat(x, x, axis=1), lambda x: torch.cat((x, x), 1)),
    "stacked": (lambda x: layout.stack(x, x, axis=1), lambda x: torch.stack((x, x), 1)),
    "flattened": (lambda x: x.reshape(1, 5, 4).flatten(1), lambda x: x[None].flatten(1)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_gives_the_same_output_and_gradient(name: str) -> None:
    ours, theirs = FUNCTIONS[name]
    x, their_x = Tensor(ROWS.copy(), requires_grad=True), torch.tensor(ROWS, requires_grad=True)

    y, their_y = ours(x), theirs(their_x)
    for total in weighted(y, their_y):
        total.backward()

    close(y.detach().numpy(), their_y.detach().numpy())
    assert x.grad is not None
    close(x.grad.data, their_x.grad.numpy())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("SGD", {"lr": 0.1}),
        ("SGD", {"lr": 0.1, "weight_decay": 0.01}),
        ("SGD", {"lr": 0.1, "momentum": 0.9}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
        ("Adam", {"lr": 0.01}),
        ("Adam", {"lr": 0.01, "weight_decay": 0.01, "betas": (0.8, 0.9), "eps": 1e-6}),
        ("AdamW", {"lr": 0.01}),
        ("AdamW", {"lr": 0.01, "weight_decay": 0.5, "betas": (0.8, 0.9), "eps": 1e-6}),
        ("AdamW", {"lr": 0.01, "weight_decay": 0.0}),
    ],
)
def test_twenty_steps_lead_to_the_same_weights(kind: str, options: dict[str, Any]) -> None:
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3))
    first, second = nn.Linear(4, 6), nn.Linear(6, 3)
    state = {key: value.numpy().copy() for key, value in theirs.state_dict().items()}
    first.load_state_dict({key: state[f"0.{key}"] for key in ("weight", "bias")})
    second.load_state_dict({key: state[f"2.{key}"] for key in ("weight", "bias")})
    parameters = [*first.parameters(), *second.parameters()]
    optimizer = getattr(optim, kind)(parameters, **options)
    their_optimizer = getattr(torch.optim, kind)(theirs.parameters(), **options)
    target = np.array([0, 2, 1, 1, 0])

    for _ in range(20):
        optimizer.zero_grad()
        functional.cross_entropy(second(first(Tensor(ROWS)).tanh()), target).backward()
        optimizer.step()
        their_optimizer.zero_grad()
        logits = theirs(torch.from_numpy(ROWS))
        torch.nn.functional.cross_entropy(logits, torch.from_numpy(target)).backward()
        their_optimizer.step()

    for mine, other in zip(parameters, theirs.parameters(), strict=True):
        close(mine.data, other.detach().numpy())
