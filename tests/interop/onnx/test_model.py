"""Imported models: onnxruntime and PyTorch are the independent answers."""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Sequence

import numpy as np
import pytest

import azuraforge as az
from azuraforge import nn
from azuraforge.errors import ConfigError, DataError, DTypeError, ShapeError

onnx = pytest.importorskip("onnx", reason="models are made with it (pip install onnx)")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402  (needs onnx)

from azuraforge.interop.onnx import load  # noqa: E402

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def model_of(
    nodes: Sequence, inputs: dict, constants: dict | None = None, *, opset: int = 20, outputs="y"
) -> bytes:
    """A model of nodes; `inputs` gives shapes, or types and shapes."""
    infos = [
        helper.make_tensor_value_info(name, *(each if isinstance(each, tuple) else (FLOAT, each)))
        for name, each in inputs.items()
    ]
    made = [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs.split()]
    initializers = [numpy_helper.from_array(x, name) for name, x in (constants or {}).items()]
    graph = helper.make_graph(nodes, "graph", infos, made, initializers)
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def ran(data: bytes, inputs: dict) -> list[np.ndarray]:
    runtime = pytest.importorskip("onnxruntime", reason="it is there for comparison (make peers)")
    return runtime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, inputs)


@pytest.fixture
def mlp(rng) -> bytes:
    nodes = [
        helper.make_node("Gemm", ["x", "first.weight", "first.bias"], ["a"], transB=1),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Gemm", ["b", "last.weight", "last.bias"], ["y"], transB=1),
    ]
    weights = {
        "first.weight": rng.standard_normal((5, 3)).astype(np.float32),
        "first.bias": rng.standard_normal(5).astype(np.float32),
        "last.weight": rng.standard_normal((2, 5)).astype(np.float32),
        "last.bias": rng.standard_normal(2).astype(np.float32),
    }
    return model_of(nodes, {"x": ["batch", 3]}, weights)


def test_parameters_have_their_names_and_get_gradients(mlp, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is there for comparison (make peers)")
    graph = load(mlp)
    x = rng.standard_normal((4, 3)).astype(np.float32)
    state = {name: torch.tensor(a, requires_grad=True) for name, a in graph.state_dict().items()}

    graph(az.tensor(x)).square().sum().backward()
    linear = torch.nn.functional.linear
    hidden = linear(torch.tensor(x), state["first.weight"], state["first.bias"]).relu()
    linear(hidden, state["last.weight"], state["last.bias"]).square().sum().backward()

    found = dict(graph.named_parameters())
    assert found.keys() == {"first.weight", "first.bias", "last.weight", "last.bias"}
    for name, theirs in state.items():
        np.testing.assert_allclose(found[name].grad.numpy(), theirs.grad.numpy(), rtol=1e-5)


def test_an_imported_model_is_trained_in_captured_steps(mlp, rng):
    graph = load(mlp)
    optimizer = az.optim.SGD(graph.parameters(), lr=0.01)
    x = az.tensor(rng.standard_normal((8, 3)).astype(np.float32))
    target = az.tensor(rng.standard_normal((8, 2)).astype(np.float32))

    def step(x, target):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(graph(x), target)
        loss.backward()
        optimizer.step()
        return loss

    captured = az.capture(step)
    losses = [captured(x, target).item() for _ in range(30)]

    assert captured.is_replayed
    assert losses[-1] < losses[0] / 2


def test_an_imported_model_is_frozen(mlp, rng):
    graph = load(mlp).eval()
    x = az.tensor(rng.standard_normal((4, 3)).astype(np.float32))

    frozen = az.freeze(graph, x)

    np.testing.assert_allclose(frozen(x).numpy(), graph(x).detach().numpy(), rtol=1e-5)


def test_shapes_that_are_worked_out_in_the_graph_do_not_keep_a_step_from_being_captured(rng):
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["batch"]),
        helper.make_node("Concat", ["batch", "rest"], ["wanted"], axis=0),
        helper.make_node("Reshape", ["x", "wanted"], ["y"]),
    ]
    constants = {"zero": np.array([0]), "rest": np.array([-1])}
    graph = load(model_of(nodes, {"x": ["batch", 2, 3]}, constants))
    x = az.tensor(rng.standard_normal((4, 2, 3)).astype(np.float32))

    captured = az.capture(lambda x: graph(x) * 2)
    shapes = [captured(x).shape for _ in range(5)]

    assert captured.is_replayed
    assert shapes == [(4, 6)] * 5


GRID = np.linspace(-1, 1, 24, dtype=np.float32).reshape(1, 3, 4, 2)


STEADY = {  # operators whose work depends on shapes alone, in ways that others do not
    "MaxPool": {"kernel_shape": [2, 3], "pads": [0, 1, 1, 0], "strides": [2, 2]},
    "AveragePool": {"kernel_shape": [3, 2], "ceil_mode": 1, "strides": [2, 2]},
    "LpPool": {"kernel_shape": [2, 2], "dilations": [2, 1]},
    "LRN": {"size": 3},
    "Pad": {"mode": "reflect"},
    "Resize": {"mode": "cubic"},
    "DepthToSpace": {"blocksize": 2},
    "InstanceNormalization": {},
}
MORE = {
    "Pad": {"p": np.array([0, 0, 1, 2, 0, 0, 0, 1])},
    "Resize": {"roi": np.zeros(0, np.float32), "s": np.array([1, 1, 1.5, 2], np.float32)},
    "InstanceNormalization": {"w": np.ones(4, np.float32), "b": np.ones(4, np.float32)},
}


@pytest.mark.parametrize("op", STEADY)
def test_a_step_through_an_operator_is_captured_and_agrees(op, rng):
    constants = MORE.get(op, {})
    nodes = [helper.make_node(op, ["x", *constants], ["y"], **STEADY[op])]
    data = model_of(nodes, {"x": [2, 4, 6, 5]}, constants, opset=19)
    graph = load(data)

    captured = az.capture(lambda x: graph(x) * 1)
    for _ in range(5):
        x = rng.standard_normal((2, 4, 6, 5)).astype(np.float32)
        found = captured(az.tensor(x)).detach().numpy()

    assert captured.is_replayed
    np.testing.assert_allclose(found, ran(data, {"x": x})[0], rtol=1e-4, atol=1e-5)


def test_what_follows_from_constants_is_worked_out_once(rng):
    nodes = [
        helper.make_node("Constant", [], ["shape"], value_ints=[2, 3]),
        helper.make_node("ConstantOfShape", ["shape"], ["zeros"]),
        helper.make_node("Shape", ["zeros"], ["again"]),
        helper.make_node("Reshape", ["x", "again"], ["y"]),
    ]
    graph = load(model_of(nodes, {"x": [6]}))
    x = rng.standard_normal(6).astype(np.float32)

    assert "nodes=1" in graph.extra_repr()
    assert np.array_equal(graph(az.tensor(x)).numpy(), x.reshape(2, 3))


def test_a_graph_can_be_copied_with_parameters_of_its_own(mlp):
    graph = load(mlp)

    twin = copy.deepcopy(graph)
    next(twin.parameters()).data[...] = 0

    x = az.tensor(np.ones((1, 3), np.float32))
    assert not np.array_equal(twin(x).detach().numpy(), graph(x).detach().numpy())


OLD = {  # what operators meant before, by opset
    "softmax of rows": (11, [("Softmax", ["x"], {"axis": 1})], {}),
    "log softmax of rows": (11, [("LogSoftmax", ["x"], {"axis": 2})], {}),
    "hardmax of rows": (11, [("Hardmax", ["x"], {"axis": 1})], {}),
    "clip by attributes": (6, [("Clip", ["x"], {"min": -0.5, "max": 0.5})], {}),
    "pad by attributes": (2, [("Pad", ["x"], {"pads": [0, 1, 0, 0, 0, 2], "value": 3.0})], {}),
    "slice by attributes": (1, [("Slice", ["x"], {"starts": [1], "ends": [-1], "axes": [2]})], {}),
    "sum over axes": (11, [("ReduceSum", ["x"], {"axes": [0, 2], "keepdims": 0})], {}),
    "mean over all": (13, [("ReduceMean", ["x"], {"keepdims": 0})], {}),
    "squeeze and unsqueeze": (
        11, [("Unsqueeze", ["x"], {"axes": [0, 4]}), ("Squeeze", ["a0"], {"axes": [-1]})], {},
    ),
    "dropout with a mask": (10, [("Dropout", ["x"], {"ratio": 0.3})], {}),
    "upsample": (9, [("Unsqueeze", ["x"], {"axes": [0]}), ("Upsample", ["a0", "s"], {})],
                 {"s": np.array([1, 1, 2, 3], np.float32)}),
    "resize asymmetric": (
        10, [("Unsqueeze", ["x"], {"axes": [0]}), ("Resize", ["a0", "s"], {"mode": "linear"})],
        {"s": np.array([1, 1, 2, 1.5], np.float32)},
    ),
    "batch norm": (
        9, [("BatchNormalization", ["x", "w", "w", "w", "v"], {})],
        {"w": np.array([1, 2, 3], np.float32), "v": np.array([1, 0.5, 2], np.float32)},
    ),
    "a slope for each channel": (7, [("PRelu", ["x", "p"], {})],
                                 {"p": np.array([[0.1], [0.2], [0.3]], np.float32)}),
    "split by an attribute": (11, [("Split", ["x"], {"axis": 2, "split": [1, 3]})], {}),
    "largest by a count": (10, [("TopK", ["x", "k"], {"axis": 1})], {"k": np.array([2])}),
    "grid of old": (16, [("Unsqueeze", ["x", "z"], {}), ("GridSample", ["a0", "g"], {})],
                    {"z": np.array([0]), "g": GRID}),
}  # fmt: skip


@pytest.mark.parametrize("name", OLD)
def test_an_operator_means_what_its_opset_says(name, rng):
    opset, steps, constants = OLD[name]
    names = ["x", *(f"a{i}" for i in range(len(steps)))]
    nodes = [
        helper.make_node(op, inputs, [names[i + 1] if i + 1 < len(steps) else "y"], **attributes)
        for i, (op, inputs, attributes) in enumerate(steps)
    ]
    if steps[-1][0] in ("Split", "TopK"):
        nodes[-1].output.append("rest")
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)
    data = model_of(nodes, {"x": [2, 3, 4]}, constants, opset=max(opset, 7))

    found = load(data)(az.tensor(x))

    np.testing.assert_allclose(found.detach().numpy(), ran(data, {"x": x})[0], rtol=1e-4, atol=1e-6)


def test_gradients_flow_through_choices_and_loops():
    body = helper.make_graph(
        [
            helper.make_node("Mul", ["state", "x"], ["next"]),
            helper.make_node("Identity", ["goes"], ["again"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", INT64, []),
            helper.make_tensor_value_info("goes", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", FLOAT, [2]),
        ],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", FLOAT, [2]),
        ],
    )
    nodes = [helper.make_node("Loop", ["count", "", "x"], ["y"], body=body)]
    graph = load(model_of(nodes, {"x": [2]}, {"count": np.array(3)}))
    x = az.tensor([2.0, 3.0], requires_grad=True)

    graph(x).sum().backward()

    assert x.grad.numpy().tolist() == [4 * 2.0**3, 4 * 3.0**3]  # of x⁴


def test_a_function_of_the_model_is_expanded():
    square = helper.make_function(
        "mine", "Scaled", ["a"], ["b"],
        [
            helper.make_node("Constant", [], ["k"]),
            helper.make_node("Mul", ["a", "k"], ["b"]),
        ],
        [helper.make_opsetid("", 20)], ["factor"],
    )  # fmt: skip
    reference = square.node[0].attribute.add()
    reference.name, reference.ref_attr_name = "value_float", "factor"
    reference.type = onnx.AttributeProto.FLOAT
    model = onnx.load_model_from_string(
        model_of([helper.make_node("Scaled", ["x"], ["y"], domain="mine", factor=2.5)], {"x": [2]})
    )
    model.functions.append(square)
    model.opset_import.append(helper.make_opsetid("mine", 1))

    found = load(model)(az.tensor([1.0, 2.0]))

    assert found.numpy().tolist() == [2.5, 5.0]


def one(op: str, inputs=("x",), **attributes):
    return [helper.make_node(op, list(inputs), ["y"], name="it", **attributes)]


@pytest.mark.parametrize(
    ("nodes", "opset", "error", "said"),
    [
        (one("StringSplit"), 20, ConfigError, r"node 'it' is StringSplit of opset 20"),
        (one("Frobnicate", domain="com.mine"), 20, ConfigError, r"com\.mine\.Frobnicate"),
        (
            one("Relu", alpha=1.0),
            20,
            ConfigError,
            r"'it' \(Relu, opset 20\) has the attribute alpha",
        ),
        (one("Reshape", ["x", "s"]), 20, ShapeError, r"'it' \(Reshape, opset 20\).*\(2, 3\)"),
        (one("Gemm", ["x", "x"]), 13, ShapeError, r"'it' \(Gemm, opset 13\)"),
        (one("GlobalAveragePool", ["x"]), 20, ShapeError, r"'it' \(GlobalAveragePool"),
    ],
)
def test_what_goes_wrong_names_the_node_its_operator_and_its_opset(nodes, opset, error, said):
    data = model_of(nodes, {"x": [2, 3]}, {"s": np.array([4, 4])}, opset=opset)

    with pytest.raises(error, match=said):
        load(data)(az.tensor(np.ones((2, 3), np.float32)))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([np.ones((2, 4))], r"input a has shape \(2, 4\); allowed: \(n, 3\)"),
        ([np.ones((2, 3)), np.ones((5, 3))], r"input b has shape \(5, 3\); allowed: \(n, 3\)"),
        ([np.ones((2, 3))], r"got 1 inputs; this graph takes a, b"),
    ],
)
def test_inputs_that_are_not_what_the_file_asks_for_are_refused(given, said):
    nodes = [helper.make_node("Add", ["a", "b"], ["y"])]
    graph = load(model_of(nodes, {"a": ["n", 3], "b": ["n", 3]}))
    inputs = [az.tensor(x) for x in given]
    inputs += inputs[:1] if "takes" not in said and len(inputs) == 1 else []

    with pytest.raises(ShapeError, match=said):
        graph(*inputs)


@pytest.mark.parametrize("data", [b"", b"no model", b"PK\x03\x04"])
def test_other_bytes_are_no_model(data, tmp_path):
    (tmp_path / "x.onnx").write_bytes(data)

    with pytest.raises(DataError, match=r"no ONNX model"):
        load(data)
    with pytest.raises(DataError, match=r"x\.onnx is no ONNX model"):
        load(tmp_path / "x.onnx")


@pytest.mark.parametrize("opset", [0, 99])
def test_an_opset_that_is_not_known_is_refused(opset):
    with pytest.raises(ConfigError, match=rf"of opset {opset}; allowed: 1 to 28"):
        load(model_of(one("Relu"), {"x": [1]}, opset=opset))


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        (one("Relu", ["nothing"]), r"'it' \(Relu, opset 20\).* uses 'nothing'"),
        (one("Relu", ["y"]), "uses 'y', which nothing before it makes"),
        ([*one("Relu"), *one("Abs")], r"\(Abs, opset 20\).* makes 'y', which is there already"),
        ([helper.make_node("Relu", ["x"], ["z"])], "the graph gives 'y'"),
    ],
)
def test_a_graph_that_does_not_hold_together_is_refused(nodes, said):
    with pytest.raises(DataError, match=said):
        load(model_of(nodes, {"x": [1]}))


def test_without_the_onnx_package_it_is_said_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "onnx"]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith("azuraforge.interop.onnx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)

    with pytest.raises(ConfigError, match=r"pip install 'azuraforge\[onnx\]'"):
        importlib.import_module("azuraforge.interop.onnx")


def test_strings_are_refused_by_the_name_of_their_tensor():
    model = onnx.load_model_from_string(model_of(one("Identity"), {"x": [1]}))
    model.graph.initializer.append(helper.make_tensor("words", TensorProto.STRING, [1], [b"a"]))

    with pytest.raises(DTypeError, match="'words' is of strings"):
        load(model)


def test_large_tensors_are_read_from_beside_the_file(tmp_path, mlp):
    model = onnx.load_model_from_string(mlp)
    path = tmp_path / "model.onnx"
    onnx.save_model(
        model, path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )

    graph = load(path)

    theirs = load(mlp).state_dict()
    assert all(np.array_equal(a, theirs[name]) for name, a in graph.state_dict().items())
