"""Attention beside NumPy's arithmetic; PyTorch's cases are in tests/interop."""

from __future__ import annotations

import numpy as np
import pytest

import azuraforge as af
from azuraforge import nn
from azuraforge.engine.random import Generator
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, ShapeError
from azuraforge.nn import functional as F


def normal(*shape: int, seed: int = 0) -> Tensor:
    return Tensor(np.random.default_rng(seed).standard_normal(shape))


def softmax(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(shares / shares.sum(-1, keepdims=True))


def test_a_query_that_sees_no_key_gets_zero_and_gives_no_gradient() -> None:
    q, k, v = (normal(2, 3, 4, seed=i).requires_grad_() for i in range(3))
    mask = Tensor(np.array([[True, False, True], [False, False, False], [True, True, True]]))

    y = F.scaled_dot_product_attention(q, k, v, mask)
    y.sum().backward()

    assert not y.data[:, 1].any()
    assert q.grad is not None
    assert not q.grad.data[:, 1].any()
    assert np.isfinite(q.grad.data).all()


def test_heads_of_keys_serve_several_heads_of_queries() -> None:
    q, k, v = normal(1, 4, 3, 2), normal(1, 2, 5, 2, seed=1), normal(1, 2, 5, 2, seed=2)

    y = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)

    for head in range(4):
        scores = q.data[0, head] @ k.data[0, head // 2].T / np.sqrt(2)
        np.testing.assert_allclose(y.data[0, head], softmax(scores) @ v.data[0, head // 2])


def test_a_mask_that_is_causal_gives_what_is_causal_gives() -> None:
    q, k, v = (normal(2, 2, 5, 3, seed=i) for i in range(3))

    by_mask = F.scaled_dot_product_attention(q, k, v, Tensor(np.tri(5, dtype=bool)))

    np.testing.assert_allclose(
        by_mask.data, F.scaled_dot_product_attention(q, k, v, is_causal=True).data, rtol=1e-12
    )


def test_dropped_weights_are_repeated_by_the_generator_and_keep_the_mean() -> None:
    q, k, v = normal(1, 400, 2), normal(1, 50, 2, seed=1), Tensor(np.ones((1, 50, 1)))

    first, second = (
        F.scaled_dot_product_attention(q, k, v, dropout_p=0.3, generator=Generator(3))
        for _ in range(2)
    )

    np.testing.assert_array_equal(first.data, second.data)
    assert first.data.std() > 0.01
    assert abs(first.data.mean() - 1) < 0.02


def test_a_mask_and_is_causal_together_are_refused() -> None:
    q = normal(1, 3, 2)

    with pytest.raises(ConfigError, match="scaled_dot_product_attention: attn_mask and is_causal"):
        F.scaled_dot_product_attention(q, q, q, Tensor(np.tri(3, dtype=bool)), is_causal=True)


def test_heads_that_do_not_fit_are_told_with_all_shapes() -> None:
    with pytest.raises(ShapeError, match=r"query \(1, 4, 3, 2\), key \(1, 3, 3, 2\)"):
        F.scaled_dot_product_attention(
            normal(1, 4, 3, 2), normal(1, 3, 3, 2), normal(1, 3, 3, 2), enable_gqa=True
        )


def test_a_width_that_is_no_multiple_of_the_heads_is_refused() -> None:
    with pytest.raises(ConfigError, match="embed_dim 10, num_heads 3"):
        nn.MultiheadAttention(10, 3)


def test_weights_of_heads_are_means_unless_asked_for_one_by_one() -> None:
    attention, x = nn.MultiheadAttention(4, 2, batch_first=True).double(), normal(3, 5, 4)

    _, mean = attention(x, x, x)
    _, each = attention(x, x, x, average_attn_weights=False)

    assert each.shape == (3, 2, 5, 5)
    np.testing.assert_allclose(each.data.mean(1), mean.data)
    np.testing.assert_allclose(mean.data.sum(-1), 1)


def test_a_transformer_layer_trains_by_a_captured_step() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
    optimizer = af.optim.Adam(layer.parameters(), lr=1e-2)
    x = np.random.default_rng(0).standard_normal((4, 6, 8)).astype(np.float32)
    mask = nn.Transformer.generate_square_subsequent_mask(6)

    def train_step(x: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = (layer(x, mask, is_causal=True) - x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    step = capture(train_step)
    losses = [step(Tensor(x)).item() for _ in range(12)]

    assert step.reason is None
    assert losses[-1] < losses[0]


def test_layers_of_an_encoder_are_copies_with_numbers_of_their_own() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16)

    encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8))

    names = [name for name, _ in encoder.named_parameters()]
    assert names[0] == "layers.0.self_attn.in_proj_weight"
    assert names[-1] == "norm.bias"
    assert encoder.layers[0].linear1.weight is not encoder.layers[1].linear1.weight
