"""Losses where PyTorch's own cases, in tests/interop, do not reach."""

from __future__ import annotations

import numpy as np
import pytest

from azuraforge import nn
from azuraforge.engine.grad.check import gradcheck
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError
from azuraforge.nn import functional as F

RNG = np.random.default_rng(0)


def logits(*shape: int, dtype: type = np.float64) -> Tensor:
    return Tensor(RNG.standard_normal(shape).astype(dtype), requires_grad=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_targets_that_are_ignored_count_nowhere(dtype: type) -> None:
    x = logits(4, 3, dtype=dtype)
    some = Tensor(x.data[[0, 3]], requires_grad=True)

    loss = F.cross_entropy(x, Tensor(np.array([2, -100, -100, 0])))
    loss.backward()
    F.cross_entropy(some, Tensor(np.array([2, 0]))).backward()

    assert x.grad is not None
    assert some.grad is not None
    np.testing.assert_allclose(x.grad.data[[0, 3]], some.grad.data, rtol=1e-6)
    assert not x.grad.data[[1, 2]].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mean_over_no_target_is_nan(dtype: type) -> None:
    x = logits(2, 3, dtype=dtype)

    loss = F.cross_entropy(x, Tensor(np.array([-100, -100])))

    assert np.isnan(loss.item())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_target_that_is_no_class_is_told_with_the_classes(dtype: type) -> None:
    for settings in ({}, {"reduction": "sum"}):
        with pytest.raises(ShapeError, match=r"cross_entropy: target holds .*allowed.* 0 to 2"):
            F.cross_entropy(logits(2, 3, dtype=dtype), Tensor(np.array([0, 3])), **settings)


def test_a_captured_step_sees_new_targets_and_refuses_wrong_ones() -> None:
    x = logits(3, 4, dtype=np.float32)
    step = capture(lambda target: F.cross_entropy(x, target, label_smoothing=0.1, reduction="sum"))
    targets = [Tensor(RNG.integers(0, 4, 3)) for _ in range(8)]

    for target in targets:
        wanted = F.cross_entropy(x, target, label_smoothing=0.1, reduction="sum").item()
        assert step(target).item() == pytest.approx(wanted, rel=1e-6)

    assert step.reason is None
    with pytest.raises(ShapeError, match="target holds"):
        step(Tensor(np.array([0, 1, 4])))


@pytest.mark.parametrize("function", [F.mse_loss, F.l1_loss, F.huber_loss, F.smooth_l1_loss])
def test_a_target_of_another_shape_is_not_broadcast(function: object) -> None:
    with pytest.raises(ShapeError, match=r"_loss: input \(4, 1\), target \(4,\)"):
        function(logits(4, 1), Tensor(np.zeros(4)))


def test_a_share_outside_0_to_1_is_told() -> None:
    with pytest.raises(ConfigError, match=r"input holds 0\.5 to 2; allowed: 0 to 1; use binary_"):
        F.binary_cross_entropy(Tensor(np.array([0.5, 2.0])), Tensor(np.array([0.0, 1.0])))


def test_a_share_of_0_or_1_costs_a_finite_number_and_gives_a_finite_gradient() -> None:
    x = Tensor(np.array([0.0, 1.0, 0.0, 1.0]), requires_grad=True)

    loss = F.binary_cross_entropy(x, Tensor(np.array([0.0, 1.0, 1.0, 0.0])), reduction="none")
    loss.sum().backward()

    np.testing.assert_array_equal(loss.data, [0, 0, 100, 100])
    assert x.grad is not None
    assert np.isfinite(x.grad.data).all()


def test_an_unknown_reduction_is_told_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="reduction is 'max'; allowed: 'none', 'mean', 'sum'"):
        nn.L1Loss(reduction="max")


def test_targets_of_classes_must_be_whole_numbers() -> None:
    with pytest.raises(DTypeError, match="nll_loss: target is float64"):
        F.nll_loss(logits(2, 3), Tensor(np.zeros(2)))


def test_ctc_is_the_sum_over_all_ways_to_write_the_target() -> None:
    chances = np.array([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3], [0.5, 0.25, 0.25]])  # blank, a, b
    a, _, blank = chances[:, 1], chances[:, 2], chances[:, 0]
    ways = a[0] * blank[1] * blank[2] + blank[0] * a[1] * blank[2] + blank[0] * blank[1] * a[2]
    ways += a[0] * a[1] * blank[2] + blank[0] * a[1] * a[2] + a[0] * a[1] * a[2]

    loss = F.ctc_loss(Tensor(np.log(chances)), Tensor(np.array([1])), [3], [1])

    assert loss.item() == pytest.approx(-np.log(ways))


def test_ctc_of_a_target_that_does_not_fit_is_infinite_or_0() -> None:
    x = Tensor(np.log(np.full((2, 1, 3), 1 / 3)), requires_grad=True)
    target = Tensor(np.array([[1, 1]]))  # needs a blank in between: three steps

    assert np.isinf(F.ctc_loss(x, target, [2], [2]).item())
    loss = F.ctc_loss(x, target, [2], [2], zero_infinity=True)
    loss.backward()

    assert loss.item() == 0
    assert x.grad is not None
    assert not x.grad.data.any()


def test_ctcs_gradient_is_that_of_scores_before_log_softmax() -> None:
    target = Tensor(np.array([[1, 2], [2, 0]]))

    gradcheck(
        lambda x: F.ctc_loss(F.log_softmax(x, -1), target, [5, 4], [2, 1], reduction="none"),
        [logits(5, 2, 4)],
    )


def test_a_focal_loss_without_focus_is_binary_cross_entropy() -> None:
    x, t = logits(4, 3), Tensor((RNG.random((4, 3)) < 0.5).astype(np.float64))

    plain = F.binary_cross_entropy_with_logits(x, t).item()

    assert F.sigmoid_focal_loss(x, t, alpha=-1, gamma=0).item() == pytest.approx(plain)


def test_a_focal_loss_is_the_papers_formula() -> None:
    p = 0.9

    loss = nn.FocalLoss(alpha=0.25, gamma=2)(
        Tensor(np.array([np.log(p / (1 - p))])), Tensor(np.ones(1))
    )

    assert loss.item() == pytest.approx(-0.25 * (1 - p) ** 2 * np.log(p))


def test_dice_is_0_where_all_overlaps_and_nearly_1_where_nothing_does() -> None:
    t = Tensor((RNG.random((2, 1, 50)) < 0.5).astype(np.float64))

    assert F.dice_loss(t, t).item() == pytest.approx(0)
    assert F.dice_loss(1 - t, t).item() > 0.9
