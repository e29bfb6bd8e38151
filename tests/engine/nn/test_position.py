"""Places in a sequence: what the papers say of them."""

from __future__ import annotations

import numpy as np
import pytest

from azuraforge import nn
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError
from azuraforge.nn import functional as F


def normal(*shape: int, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng(seed).standard_normal(shape))


@pytest.mark.parametrize("interleaved", [False, True])
def test_products_of_turned_rows_depend_on_their_distance_alone(interleaved: bool) -> None:
    turn, q, k = nn.RotaryEmbedding(8, interleaved=interleaved), normal(1, 8), normal(1, 8, seed=1)

    near = (turn(q, offset=3) * turn(k, offset=1)).sum().item()
    far = (turn(q, offset=103) * turn(k, offset=101)).sum().item()

    assert near == pytest.approx(far)
    assert near != pytest.approx((q * k).sum().item())


def test_a_turn_by_hand() -> None:
    turned = nn.RotaryEmbedding(2)(Tensor(np.array([[1.0, 0.0], [1.0, 0.0]])))

    np.testing.assert_allclose(turned.data, [[1, 0], [np.cos(1), np.sin(1)]])


def test_sinusoids_are_sines_and_cosines_of_the_place() -> None:
    add = nn.SinusoidalPositionalEncoding(4)

    y = add(Tensor(np.zeros((1, 3, 4), np.float32)))

    np.testing.assert_allclose(y.data[0, 2], [np.sin(2), np.cos(2), np.sin(0.02), np.cos(0.02)])
    with pytest.raises(ShapeError, match="from step 4999; allowed: up to 5000 steps"):
        add(Tensor(np.zeros((1, 3, 4), np.float32)), offset=4999)


def test_slopes_are_the_papers() -> None:
    np.testing.assert_allclose(nn.ALiBi(8).slopes.data, 2.0 ** -np.arange(1, 9))
    np.testing.assert_allclose(
        nn.ALiBi(3).slopes.data, [2.0**-4, 2.0**-8, 2.0**-2]
    )  # of two heads, then the first of four


def test_a_bias_falls_with_the_distance_and_hides_what_comes_after() -> None:
    mask = nn.ALiBi(1)(2, keys=3).data[0]

    np.testing.assert_array_equal(mask, np.array([[-1, 0, -np.inf], [-2, -1, 0]]) / 2**8)


def test_decoding_step_by_step_gives_what_all_at_once_gives() -> None:
    q, k, v = (normal(1, 2, 5, 4, seed=i) for i in range(3))
    cache = nn.KVCache(max_len=5)

    steps = []
    for t in range(5):
        keys, values = cache(k[:, :, t : t + 1], v[:, :, t : t + 1])
        steps.append(F.scaled_dot_product_attention(q[:, :, t : t + 1], keys, values).data)

    whole = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    np.testing.assert_allclose(np.concatenate(steps, 2), whole.data, rtol=1e-12)
    with pytest.raises(ShapeError, match="KVCache: 6 steps; allowed: up to 5"):
        cache.update(k[:, :, :1], v[:, :, :1])
