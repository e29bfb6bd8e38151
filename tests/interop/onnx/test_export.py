"""onnxruntime is the independent answer: what it makes of what we write."""

from __future__ import annotations

import numpy as np
import pytest

import azuraforge as az
from azuraforge import nn
from azuraforge.errors import ConfigError
from benchmarks.library import ours
from benchmarks.suite import audio, dense, images, language, recurrent

onnx = pytest.importorskip("onnx", reason="ONNX's own checker is wanted (pip install onnx)")
runtime = pytest.importorskip("onnxruntime", reason="it is there for comparison (make peers)")

from azuraforge.interop.onnx import export, load  # noqa: E402  (needs onnx)

WORKLOADS = [
    row for family in (audio, dense, images, language, recurrent) for row in family.SMALLEST
]


def ran(data: bytes, *inputs: np.ndarray) -> list[np.ndarray]:
    """What onnxruntime makes of the inputs."""
    session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))


def agrees(model, *inputs: np.ndarray, rtol: float = 1e-4, opset: int = 20) -> bytes:
    """Export, and compare with onnxruntime on these inputs and on their numbers in reverse."""
    data = export(model, tuple(map(az.tensor, inputs)), opset=opset)
    for given in (inputs, [x.reshape(-1)[::-1].reshape(x.shape).copy() for x in inputs]):
        expected = model(*map(az.tensor, given))
        expected = expected if isinstance(expected, tuple) else (expected,)
        found = ran(data, *given)
        for y, made in zip(expected, found, strict=True):
            like = y.detach().numpy()
            assert made.dtype == like.dtype
            np.testing.assert_allclose(made, like, rtol=rtol, atol=rtol * np.abs(like).max())
    return data


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda each: each.name)
def test_a_model_of_the_benchmarks_is_the_same_in_onnxruntime(workload, rng):
    az.manual_seed(1)
    model = workload.model(ours()).eval()
    x, _ = workload.batch(rng)

    data = agrees(model, x)

    onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)


LAYERS = {
    "conv1d": (nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2), (2, 4, 9)),
    "conv3d": (nn.Conv3d(2, 3, (1, 2, 3), padding=(0, 1, 1)), (1, 2, 4, 5, 6)),
    "conv_transpose2d": (
        nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 4, 5, 6),
    ),
    "max_pool1d": (nn.MaxPool1d(3, 2, 1), (2, 3, 9)),
    "max_pool2d ceil": (nn.MaxPool2d(3, 2, ceil_mode=True), (2, 3, 8, 8)),
    "max_pool3d": (nn.MaxPool3d(2), (1, 2, 4, 4, 4)),
    "avg_pool2d": (nn.AvgPool2d(3, 2, 1), (2, 3, 8, 8)),
    "adaptive_avg_pool2d": (nn.AdaptiveAvgPool2d((3, 2)), (2, 3, 8, 7)),
    "batch_norm": (nn.BatchNorm2d(3), (2, 3, 4, 4)),
    "layer_norm": (nn.LayerNorm((3, 4)), (2, 3, 4)),
    "bilinear up": (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 2, 3, 4)),
    "pixels": (nn.PixelShuffle(2), (1, 8, 3, 3)),
    "flat": (nn.Sequential(nn.Flatten(), nn.Linear(6, 2)), (3, 2, 3)),
    "lstm": (nn.LSTM(3, 4, batch_first=True), (2, 5, 3)),
    "gru": (nn.GRU(3, 4), (5, 2, 3)),
    "rnn": (nn.RNN(3, 4, 2, nonlinearity="relu", bidirectional=True), (5, 2, 3)),
    "adaptive_max_pool2d": (nn.AdaptiveMaxPool2d((2, 3)), (1, 2, 4, 9)),
    "attention": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 5, 8)),
}  # fmt: skip


class First(nn.Module):
    """A recurrent layer's outputs, without the states' nesting."""

    def __init__(self, inner) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x):
        y = self.inner(x)
        return y[0] if isinstance(y, tuple) else y


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_the_same_in_onnxruntime(name, rng):
    layer, shape = LAYERS[name]

    agrees(First(layer.eval()), rng.standard_normal(shape).astype(np.float32))


ACTIVATIONS = """
    relu tanh sigmoid silu gelu softplus elu selu celu leaky_relu hardtanh relu6 hardsigmoid
    hardswish mish softsign logsigmoid tanhshrink softshrink hardshrink
""".split()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_the_same_in_onnxruntime(name, rng):
    x = (4 * rng.standard_normal((5, 7))).astype(np.float32)

    agrees(getattr(nn.functional, name), x)


FUNCTIONS = {
    "a slice and a number": lambda x: x[1, ::2, 1:],
    "backwards": lambda x: az.flip(x, (0, 2)),
    "a new axis": lambda x: x[..., None, 0],
    "rows by a list": lambda x: x[:, [2, 0, 0]],
    "rows and columns by lists": lambda x: x[[0, 1], [2, -1]],
    "a number and a list": lambda x: x[1, [2, 0]],
    "put": lambda x: az.index_put(x, (az.tensor([0, 1]), az.tensor([2, 0])), x[0, 0]),
    "added where indices lead": lambda x: az.scatter_add(
        x, 1, az.tensor(np.zeros((2, 2, 4), np.int64)), x
    ),
    "put where a slice stands first": lambda x: az.slice_scatter(x, x[:, :1], 1, 2, 3),
    "a mask that is known": lambda x: x[:, np.array([True, False, True])],
    "diagonal": lambda x: az.diagonal(x[0]),
    "truth": lambda x: (x > 0) * (x < 1) + (x < -1),
    "losses": lambda x: nn.functional.mse_loss(x, x * x),
    "the largest place": lambda x: (az.argmax(x, 1), az.argmax(x)),
    "norm": lambda x: az.sqrt((x * x).sum((0, 2), keepdim=True)) / x.abs().amax(),
    "where": lambda x: az.where(x > 0, x, 0.5) + az.clamp(x, -1, 1),
    "floor division": lambda x: az.floor_divide(x, 0.7) + az.remainder(x, 0.7),
    "rolled": lambda x: az.roll(x, 2, 1),
    "padded": lambda x: nn.functional.pad(x, (1, 2), value=3.0),
    "split": lambda x: az.cat(list(az.chunk(x, 3, 1))[::-1], 1),
    "stacked": lambda x: az.stack([x, -x], 1),
    "einsum": lambda x: az.einsum("bij,bkj->bik", x, x),
    "running": lambda x: az.cumsum(x, 1) + az.logsumexp(x, 1, keepdim=True),
    "sorted": lambda x: az.sort(x, 2)[0],
    "whole numbers": lambda x: (x * 3).to("int64") // 2 + (x > 0).to("int64"),
    "half": lambda x: x.to("float16").to("float32") * 2,
    "tile": lambda x: az.repeat_interleave(az.tile(x, (1, 2, 1)), 2, 0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_the_same_in_onnxruntime(name, rng):
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)

    agrees(FUNCTIONS[name], x)


@pytest.mark.parametrize("opset", [20, 21, 22, 23])
def test_every_opset_that_is_written_runs(opset, rng):
    model = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2))

    agrees(model, rng.standard_normal((5, 3)).astype(np.float32), opset=opset)


def test_an_exported_model_is_imported_with_its_parameters_names(rng, tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    x = az.tensor(rng.standard_normal((2, 1, 4, 4)).astype(np.float32))

    export(model, x, tmp_path / "model.onnx")
    graph = load(tmp_path / "model.onnx")

    assert graph.state_dict().keys() == model.state_dict().keys()
    assert np.allclose(graph(x).detach().numpy(), model(x).detach().numpy(), atol=1e-6)


def test_inputs_and_outputs_have_names_of_their_own():
    class Two(nn.Module):
        def forward(self, left, right):
            return left, (left + right, right)

    data = export(Two(), (az.tensor([1.0]), az.tensor([2.0])))

    graph = onnx.load_model_from_string(data).graph
    assert [x.name for x in graph.input] == ["left", "right"]
    assert [y.name for y in graph.output] == ["output", "output_1", "output_2"]


def test_a_model_is_written_as_it_predicts_and_stays_as_it_was(rng):
    model = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.BatchNorm1d(3))
    x = rng.standard_normal((4, 3)).astype(np.float32)

    (found,) = ran(export(model, az.tensor(x)), x)

    assert model.training
    assert np.allclose(found, model.eval()(az.tensor(x)).detach().numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (az.digamma, r"the op digamma\(\(2, 2\)\) has no counterpart"),
        (az.linalg.det, r"the op \w*det\w*\(\(2, 2\)\)"),
        (az.erfinv, "erfinv"),
        (lambda x: nn.functional.dropout(x, 0.5, training=True), r"the op \w+\(.*call .eval\(\)"),
        (lambda x: x * x.sum().item(), "something else than the model"),
        (lambda x: x.numpy(), "gives a ndarray"),
        (lambda x: x[x > 0.25], r"the op getitem\(\(2, 2\)\) has .* a mask"),
    ],
)
def test_what_cannot_be_written_says_why(model, said):
    x = az.tensor([[0.1, 0.2], [0.3, 0.9]])

    with pytest.raises(ConfigError, match=said):
        export(model, x)


def test_an_opset_that_is_not_written_is_refused():
    with pytest.raises(ConfigError, match="opset 12; allowed: 20 to 23"):
        export(nn.Linear(1, 1), az.tensor([[1.0]]), opset=12)
