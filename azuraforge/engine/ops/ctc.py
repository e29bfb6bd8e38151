"""Connectionist temporal classification: targets that stand somewhere along a longer input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.ops.declare import op
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.sample import Sample, fixed, normal
from azuraforge.errors import ShapeError

NEVER = -1e30  # the logarithm of what cannot be; of -∞ sums and their slopes would be NaN


def _shape(x: Shape, target: Shape, times: Shape, lengths: Shape) -> tuple[Shape, Shape]:
    fits = len(x) == 3 and len(target) == 2 and target[:1] == times == lengths == x[1:2]
    if not fits or not x[0]:
        raise ShapeError(
            f"log_probs {x}, targets {target}, input_lengths {times}, target_lengths {lengths}; "
            "allowed: (time, batch, classes), (batch, length), (batch,), (batch,)"
        )
    return x[1:2], (x[0], x[1], 2 * target[1] + 1)


def _check(x: Array, target: Array, times: Array, lengths: Array, blank: int) -> None:
    """Raise ShapeError for lengths and classes outside of what there is."""
    held = target[target != blank]
    for given, low, high, what in (
        (times, 0, x.shape[0], "input_lengths"),
        (lengths, 0, target.shape[1], "target_lengths"),
        (held, 0, x.shape[2] - 1, "targets"),
    ):
        if given.size and (int(given.min()) < low or int(given.max()) > high):
            raise ShapeError(
                f"{what} hold {int(given.min())} to {int(given.max())}; allowed: {low} to {high}"
            )
    if not 0 <= blank < x.shape[2]:
        raise ShapeError(f"blank is {blank}; allowed: 0 to {x.shape[2] - 1}")


def _stations(xp: Any, target: Array, blank: int) -> tuple[Array, Array]:
    """The target with blanks around each class, and where the blank before may be left out."""
    stations = xp.full((len(target), 2 * target.shape[1] + 1), blank, target.dtype)
    stations[:, 1::2] = target
    skips = xp.zeros(stations.shape, bool)
    skips[:, 3::2] = target[:, 1:] != target[:, :-1]
    return stations, skips


def _alphas(xp: Any, x: Any, times: Array, stations: Array, skips: Array, real: Any) -> list[Any]:
    """The logarithms of the chances to stand at each station, step by step."""
    emitted = x[:, real.arange(len(stations))[:, None], stations]
    first = real.arange(stations.shape[1])[None] < 2
    alpha = xp.where(first, emitted[0], NEVER)
    found = [alpha]
    edge = real.full((len(stations), 2), NEVER, x.dtype)
    for t in range(1, len(x)):
        longer = xp.concatenate((xp.asarray(edge), alpha), axis=1)
        reached = xp.logaddexp(alpha, longer[:, 1:-1])
        reached = xp.logaddexp(reached, xp.where(skips, longer[:, :-2], NEVER)) + emitted[t]
        alpha = xp.where((t < times)[:, None], reached, alpha)
        found.append(alpha)
    return found


def _losses(xp: Any, alpha: Any, lengths: Array, real: Any) -> Any:
    """-log of the chance to end at the last class, or at the blank after it."""
    rows, last = real.arange(len(lengths)), 2 * lengths
    at_class = xp.where(lengths > 0, alpha[rows, real.maximum(last - 1, 0)], NEVER)
    return -xp.logaddexp(alpha[rows, last], at_class)


def _forward(
    xp: Any, x: Array, target: Array, times: Array, lengths: Array, y: Array, _alpha: Array,
    blank: int, zero_infinity: bool,
) -> None:  # fmt: skip
    _check(x, target, times, lengths, blank)
    stations, skips = _stations(xp, target, blank)
    for out, alpha in zip(_alpha, _alphas(xp, x, times, stations, skips, xp), strict=True):
        out[...] = alpha
    found = _losses(xp, _alpha[-1], lengths, xp)
    found = xp.where(times == 0, xp.where(lengths == 0, 0, -NEVER), found)
    y[...] = xp.where(found >= -NEVER / 10, 0 if zero_infinity else xp.inf, found)


def _gradient(
    xp: Any, g: Array, x: Array, target: Array, times: Array, lengths: Array, _alpha: Array,
    blank: int,
) -> Array:  # fmt: skip
    """Minus the chance to stand at a class at each step, given that the whole target is met."""
    stations, skips = _stations(xp, target, blank)
    rows = xp.arange(len(stations))[:, None]
    emitted, losses = x[:, rows, stations], _losses(xp, _alpha[-1], lengths, xp)
    places = xp.arange(stations.shape[1])[None]
    is_end = (places == 2 * lengths[:, None]) | (places == 2 * lengths[:, None] - 1)
    beta = xp.where(is_end, 0, NEVER).astype(x.dtype)
    edge = xp.full((len(stations), 2), NEVER, x.dtype)
    gx = xp.zeros_like(x)
    scale = xp.where(losses >= -NEVER / 10, 0, g)[:, None]
    for t in reversed(range(len(x))):
        if t + 1 < len(x):
            ahead = xp.concatenate((beta + emitted[t + 1], edge), axis=1)
            may_skip = xp.concatenate((skips[:, 2:], edge > 0), axis=1)
            reached = xp.logaddexp(ahead[:, :-2], ahead[:, 1:-1])
            reached = xp.logaddexp(reached, xp.where(may_skip, ahead[:, 2:], NEVER))
            beta = xp.where((t + 1 < times)[:, None], reached, beta)
        share = xp.exp(xp.minimum(_alpha[t] + beta + losses[:, None], 0))
        xp.add.at(gx[t], (rows, stations), -xp.where((t < times)[:, None], share * scale, 0))
    return gx


def _gradient_of_ops(
    xp: Any, g: Any, x: Any, target: Array, times: Array, lengths: Array, blank: int,
    needs: Sequence[bool],
) -> Any:  # fmt: skip
    real = module_of(target)  # for what is no tensor: places
    stations, skips = _stations(real, target, blank)

    def losses(x: Any) -> Any:
        alpha = _alphas(xp, x, times, stations, skips, real)[-1]
        found = _losses(xp, alpha, lengths, real)
        return xp.where((found.data >= -NEVER / 10) | (times == 0), 0, found)

    return xp.pull(losses, (x,), (g,), needs[:1])[0]


ctc = op(
    "ctc(x, target, times, lengths, *, blank=0, zero_infinity=False) -> y, _alpha",
    shape=_shape,
    forward=_forward,
    grads={"x": _gradient, "target": None, "times": None, "lengths": None},
    again={"x": _gradient_of_ops, "target": None, "times": None, "lengths": None},
    samples=(
        Sample(normal(5, 2, 4), fixed([[1, 2], [3, 3]]), fixed([5, 4]), fixed([2, 2])),
        Sample(normal(4, 3, 3), fixed([[1, 0], [0, 1], [0, 0]]), fixed([4, 3, 2]),
               fixed([1, 2, 0]), blank=2),
        Sample(normal(2, 2, 3), fixed([[1, 1], [2, 1]]), fixed([2, 2]), fixed([2, 2]),
               zero_infinity=True),
    ),
)  # fmt: skip
