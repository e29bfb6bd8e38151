"""Arrays of a step in one arena: none in another's place while that one is needed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azuraforge.engine import nn, optim
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.replay.plan import ALIGNMENT, FOREVER, Life, Recording, Rehearsal, places
from azuraforge.engine.replay.tape import empty, empty_like, recording, run
from azuraforge.engine.tensor import Tensor


@st.composite
def a_life(draw: st.DrawFn) -> Life:
    begin = draw(st.integers(0, 20))
    end = draw(st.one_of(st.integers(begin, 21), st.just(FOREVER)))
    return Life(draw(st.integers(0, 1000)), begin, end)


@given(st.lists(a_life(), max_size=30))
def test_arrays_that_are_there_at_once_lie_apart(lives):
    found, size = places(lives)

    placed = [(x, at) for x, at in zip(lives, found, strict=True) if x.size and x.end > x.begin]
    for i, (one, at) in enumerate(placed):
        assert at % ALIGNMENT == 0
        assert 0 <= at <= size - one.size
        for other, there in placed[:i]:
            if one.begin < other.end and other.begin < one.end:
                assert at + one.size <= there or there + other.size <= at


def test_arrays_that_follow_each_other_need_the_place_of_two():
    lives = [Life(640, i, i + 2) for i in range(50)]

    _, size = places(lives)

    assert size == 2 * 640


def test_a_rehearsal_sees_until_when_an_array_or_a_view_of_it_is_held():
    rehearsal = Rehearsal()
    with recording(rehearsal):
        first = empty(np, (3, 4), np.float32)
        rehearsal.note(print)
        view = empty(np, (5,), np.float64)[1:3].reshape(2, 1)
        del first
        rehearsal.note(print)
        del view
        left = empty(np, (2,), np.uint8)

    assert rehearsal.stop() == [Life(48, 0, 1), Life(40, 1, 2), Life(2, 2, FOREVER)]
    assert left.shape == (2,)


def test_a_recording_gives_the_places_out_again():
    lives = [Life(64, 0, 1), Life(64, 1, 2), Life(64, 1, FOREVER)]
    tape = Recording(lives)

    first = tape.empty((16,), np.float32)
    tape.note(print)
    second, third = tape.empty((4, 2), np.float64), tape.empty((64,), np.bool_)
    tape.stop()

    assert tape.refusal is None
    assert tape.size == 128
    assert np.shares_memory(first, second) != np.shares_memory(first, third)
    assert not np.shares_memory(second, third)


@pytest.mark.parametrize("sizes", [(16, 17), (16,), (16, 16, 16)])
def test_a_recording_with_other_arrays_than_the_rehearsal_is_refused(sizes):
    tape = Recording([Life(64, 0, 5), Life(64, 0, 5)])

    for size in sizes:
        made = tape.empty((size,), np.float32)
        assert made.shape == (size,)
    tape.stop()

    assert tape.refusal is not None


def test_an_empty_array_like_another_has_its_order_of_axes():
    like = np.zeros((4, 3, 2), np.float32).transpose(2, 0, 1)

    with recording(Rehearsal()):
        made = empty_like(np, like)
        wide = empty_like(np, like, np.float64, (2, 4, 5))

    assert made.strides == like.strides
    assert wide.shape == (2, 4, 5)
    assert wide.strides == np.empty_like(like, np.float64, shape=(2, 4, 5)).strides


def a_step(layers: int):
    parts = (part for _ in range(layers) for part in (nn.Linear(64, 64), nn.Tanh()))
    model = nn.Sequential(*parts)
    sgd = optim.SGD(model.parameters(), lr=0.01)

    def step(x):
        sgd.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        sgd.step()
        return loss

    return model, step


def test_the_arena_of_a_deep_model_holds_its_activations_once():
    _, step = a_step(layers=12)
    captured = capture(step)
    x = Tensor(np.ones((512, 64), np.float32))
    for _ in range(4):
        captured(x)

    (plan,) = captured._plans.values()
    activation, weights = 512 * 64 * 4, 64 * 65 * 4
    assert captured.reason is None
    assert plan._tape.size < (2 * 12 + 4) * activation + 13 * weights


def test_gradients_of_a_replay_are_whole_when_it_is_over():
    (eager_model, eager), (model, step) = a_step(layers=3), a_step(layers=3)
    captured, x = capture(step), Tensor(np.ones((8, 64), np.float32))
    model.load_state_dict({k: v.copy() for k, v in eager_model.state_dict().items()})
    for _ in range(5):
        assert captured(x).item() == eager(x).item()

    for expected, found in zip(eager_model.parameters(), model.parameters(), strict=True):
        assert found.grad.data.tobytes() == expected.grad.data.tobytes()
        assert found.grad.data.any()


def test_gradients_that_a_step_forgets_stay_forgotten_and_need_no_place():
    model, step = a_step(layers=6)

    def forgetting(x):
        loss = step(x)
        for p in model.parameters():
            p.grad = None
        return loss

    captured, kept = capture(forgetting), capture(step)
    x = Tensor(np.ones((1, 64), np.float32))
    for _ in range(5):
        captured(x)
        assert all(p.grad is None for p in model.parameters())
    for _ in range(4):
        kept(x)

    (plan,), (other,) = captured._plans.values(), kept._plans.values()
    assert captured.is_replayed
    assert plan._tape.leaves == []
    assert plan._tape.size <= other._tape.size


def test_a_step_that_forgets_its_gradients_only_sometimes_stays_eager():
    calls = []
    w = Tensor(np.ones(3, np.float32), requires_grad=True)

    def step(x):
        calls.append(1)
        w.grad = None
        y = (w * x).sum()
        y.backward()
        if len(calls) == 3:
            w.grad = None
        return y

    captured = capture(step)
    x = Tensor(np.ones(3, np.float32))
    captured(x)
    captured(x)
    with pytest.warns(UserWarning, match="differs"):
        captured(x)

    assert w.grad is None


def test_a_step_that_makes_other_arrays_each_time_stays_eager_and_says_why():
    calls = []

    def step(x):
        calls.append(1)
        return x * 2.0 if len(calls) == 1 else (x + x) * 1.0

    captured = capture(step)
    x = Tensor(np.ones(3, np.float32))
    captured(x)
    with pytest.warns(UserWarning, match="other arrays"):
        result = captured(x)

    assert (result.data == 2).all()
    assert (captured(x).data == 2).all()


def test_memory_that_is_filled_by_no_call_is_found_out():
    def step(x):
        unfilled, y = empty(np, x.shape, np.float32), empty(np, x.shape, np.float32)
        unfilled[...] = 1  # not by a call
        run(np.add, x.data, unfilled, y)
        return Tensor(y)

    captured = capture(step)
    x = Tensor(np.ones(3, np.float32))
    captured(x)
    captured(x)
    with pytest.warns(UserWarning, match="differs"):
        result = captured(x)

    assert (result.data == 2).all()


def test_a_step_that_fails_once_is_captured_all_the_same():
    is_broken = [True]

    def step(x):
        y = x * 2.0
        if is_broken[0]:
            raise RuntimeError("broken")
        return y + 1.0

    captured = capture(step)
    x = Tensor(np.ones(3, np.float32))
    with pytest.raises(RuntimeError, match="broken"):
        captured(x)
    is_broken[0] = False

    assert [captured(x).data.tolist() for _ in range(5)] == [[3.0] * 3] * 5
    assert captured.reason is None
