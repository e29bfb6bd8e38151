"""Recurrent layers where PyTorch's own cases do not reach: packed sequences, capture, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import azuraforge as af
from azuraforge import nn
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError
from azuraforge.nn.utils import rnn

KINDS = ("RNN", "GRU", "LSTM")
LENGTHS = [2, 5, 1, 5, 3]


def sequences(seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((n, 3)) for n in LENGTHS]


def states_of(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences_give_what_each_gives_alone(kind: str) -> None:
    layer = getattr(nn, kind)(3, 4, num_layers=2, bidirectional=True).double()
    given = sequences()

    packed = rnn.pack_sequence([Tensor(x) for x in given], enforce_sorted=False)
    y, ends = layer(packed)

    for i, (x, found) in enumerate(zip(given, rnn.unpack_sequence(y), strict=True)):
        alone, alone_ends = layer(Tensor(x))
        np.testing.assert_allclose(found.data, alone.data, rtol=1e-10)
        for end, alone_end in zip(states_of(ends), states_of(alone_ends), strict=True):
            np.testing.assert_allclose(end.data[:, i], alone_end.data, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences_give_pytorchs_gradients(kind: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is there for comparison (make peers)")
    theirs = getattr(torch.nn, kind)(3, 4, 2, bidirectional=True).double()
    layer = getattr(nn, kind)(3, 4, 2, bidirectional=True).double()
    layer.load_state_dict({name: x.numpy() for name, x in theirs.state_dict().items()})
    begin = np.random.default_rng(1).standard_normal((4, 5, 4))

    xs = [Tensor(x).requires_grad_() for x in sequences()]
    h = Tensor(begin.copy()).requires_grad_()
    y, ends = layer(rnn.pack_sequence(xs, False), (h, h) if kind == "LSTM" else h)
    sum(((z * z).sum() for z in (y.data, *states_of(ends))), Tensor(np.zeros(()))).backward()
    their_xs = [torch.tensor(x, requires_grad=True) for x in sequences()]
    their_h = torch.tensor(begin, requires_grad=True)
    pack = torch.nn.utils.rnn.pack_sequence(their_xs, enforce_sorted=False)
    their_y, their_ends = theirs(pack, (their_h, their_h) if kind == "LSTM" else their_h)
    sum((z * z).sum() for z in (their_y.data, *states_of(their_ends))).backward()

    pairs = [*zip(xs, their_xs, strict=True), (h, their_h)]
    parameters = dict(theirs.named_parameters())
    pairs += [(p, parameters[name]) for name, p in layer.named_parameters()]
    for own, their in pairs:
        assert own.grad is not None
        np.testing.assert_allclose(own.grad.data, their.grad.numpy(), rtol=1e-8, atol=1e-10)


def test_padding_and_packing_undo_each_other() -> None:
    given = [Tensor(x) for x in sequences()]

    padded = rnn.pad_sequence(given, batch_first=True, padding_value=-1.0)
    packed = rnn.pack_padded_sequence(padded, LENGTHS, batch_first=True, enforce_sorted=False)
    again, lengths = rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1.0)

    assert lengths.data.tolist() == LENGTHS
    np.testing.assert_array_equal(again.data, padded.data)
    assert (padded.data[2, 1:] == -1).all()
    for x, y in zip(given, rnn.unpad_sequence(padded, lengths, batch_first=True), strict=True):
        np.testing.assert_array_equal(x.data, y.data)


def test_padding_on_the_left_puts_sequences_at_the_end() -> None:
    padded = rnn.pad_sequence([Tensor(np.ones(1)), Tensor(np.ones(3))], padding_side="left")

    np.testing.assert_array_equal(padded.data, [[0, 1], [0, 1], [1, 1]])


def test_lengths_that_do_not_fall_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"lengths .* falling ones, or pass enforce_sorted=False"):
        rnn.pack_sequence([Tensor(x) for x in sequences()])


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_in_both_directions_trains_by_a_captured_step(kind: str) -> None:
    layer = getattr(nn, kind)(3, 4, num_layers=2, bias=False, bidirectional=True)
    optimizer = af.optim.Adam(layer.parameters(), lr=1e-2)
    x = np.random.default_rng(0).standard_normal((6, 2, 3)).astype(np.float32)

    def train_step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        y, _ = layer(x)
        loss = (y - 0.5).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    step = capture(train_step)
    losses = [step(Tensor(x)).item() for _ in range(12)]

    assert step.reason is None
    assert losses[-1] < losses[0]


def test_states_that_do_not_fit_are_told_with_what_fits() -> None:
    x, h = (Tensor(np.zeros(s, np.float32)) for s in ((5, 2, 3), (1, 2, 4)))

    with pytest.raises(ShapeError, match=r"GRU: states \(1, 2, 4\); allowed: \(2, 2, 4\)"):
        nn.GRU(3, 4, bidirectional=True)(x, h)


def test_an_input_of_another_width_is_told_with_the_width() -> None:
    with pytest.raises(ShapeError, match=r"LSTM: input \(5, 2, 7\); allowed: input_size, 3"):
        nn.LSTM(3, 4)(Tensor(np.zeros((5, 2, 7))))


def test_a_projection_as_wide_as_the_state_is_refused() -> None:
    with pytest.raises(ConfigError, match="proj_size is 4; allowed: 0 to 3"):
        nn.LSTM(3, 4, proj_size=4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_step_after_step_is_the_layer(kind: str) -> None:
    layer, cell = getattr(nn, kind)(3, 4).double(), getattr(nn, f"{kind}Cell")(3, 4).double()
    cell.load_state_dict({name.removesuffix("_l0"): x for name, x in layer.state_dict().items()})
    x = Tensor(np.random.default_rng(0).standard_normal((5, 2, 3)))

    state = None
    for row in x:
        state = cell(row, state)

    y, _ = layer(x)
    np.testing.assert_allclose(states_of(state)[0].data, y.data[-1], rtol=1e-10)
