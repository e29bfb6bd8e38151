"""Files of tensors beside what safetensors' and PyTorch's own libraries write and read."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import azuraforge as az
from azuraforge.engine import nn
from azuraforge.errors import ConfigError, DataError, DTypeError, RefusedError


def test_what_is_saved_is_loaded_again(tmp_path):
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm2d(4))
    path = tmp_path / "model.safetensors"

    az.save(module.state_dict(), path, {"made by": "a test"})
    found = az.load(path)

    state = module.state_dict()
    assert found.keys() == state.keys()
    assert all(np.array_equal(found[name].numpy(), state[name]) for name in state)
    assert all(np.array_equal(array, state[name]) for name, array in load_file(path).items())
    module.load_state_dict(found)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "int64", "uint8", "bool"])
def test_types_and_layouts_are_kept(tmp_path, dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    path = tmp_path / "x.safetensors"

    az.save({"turned": array.T, "number": array[0, 0], "none": array[:0]}, path)
    found = az.load(path)

    assert found["turned"].dtype == dtype
    assert np.array_equal(found["turned"].numpy(), array.T)
    assert found["number"].shape == ()
    assert found["none"].shape == (0, 3)


@pytest.mark.parametrize(
    ("given", "name", "error", "said"),
    [
        (nn.Linear(1, 1), "x.safetensors", ConfigError, r"got Linear.*module\.state_dict\(\)"),
        ({"a": {"b": 1}}, "x.safetensors", ConfigError, "a is dict"),
        ({1: np.ones(1)}, "x.safetensors", ConfigError, "is called 1"),
        ({"a": np.array(["x"])}, "x.safetensors", DTypeError, "which safetensors has not"),
        ({"a": np.ones(1)}, "x.pt", ConfigError, r"a pickle.*x\.safetensors"),
    ],
)
def test_what_cannot_be_saved_says_why_and_leaves_no_file(tmp_path, given, name, error, said):
    with pytest.raises(error, match=said):
        az.save(given, tmp_path / name)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"hello, this is text", b"\x08\0\0\0\0\0\0\0{       "])
def test_other_files_are_told_apart(tmp_path, content):
    path = tmp_path / "x.bin"
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"x\.bin"):
        az.load(path)


# ---------------------------------------------------------------------------------------- PyTorch


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is there for comparison (make peers)")


DTYPES = """
    float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128
""".split()


def saved(torch, thing, path: Path, *, is_new: bool) -> Path:
    torch.save(thing, path, _use_new_zipfile_serialization=is_new)
    return path


@pytest.mark.parametrize("is_new", [True, False], ids=["archive", "stream"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_of_every_type_are_read(torch, tmp_path, dtype, is_new):
    x = (torch.arange(-6, 6).reshape(3, 4).abs() / 3).to(getattr(torch, dtype))

    found = az.load(
        saved(torch, {"x": x, "t": x.T, "part": x[1:, ::2]}, tmp_path / "x", is_new=is_new)
    )

    like = x.float() if dtype == "bfloat16" else x
    assert str(found["x"].dtype) == str(like.numpy().dtype)
    assert np.array_equal(found["x"].numpy(), like.numpy())
    assert np.array_equal(found["t"].numpy(), like.T.numpy())
    assert np.array_equal(found["part"].numpy(), like[1:, ::2].numpy())


@pytest.mark.parametrize("is_new", [True, False], ids=["archive", "stream"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_checkpoint_is_read_as_it_was(torch, tmp_path, is_new, protocol):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    path = tmp_path / "checkpoint.pt"
    thing = {
        "model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3,
        "note": "größer", "rates": [0.1, 10**30], "none": None, "size": model[0].weight.shape,
        "parameter": model[0].bias, "kinds": {1, 2}, "pair": (True, False, -1),
    }  # fmt: skip

    torch.save(thing, path, _use_new_zipfile_serialization=is_new, pickle_protocol=protocol)
    found = az.load(path)

    for name, theirs in thing["model"].items():
        assert np.array_equal(found["model"][name].numpy(), theirs.numpy())
    step = found["optimizer"]["state"][0]["exp_avg"]
    assert np.array_equal(step.numpy(), optimizer.state_dict()["state"][0]["exp_avg"].numpy())
    for key in ("epoch", "note", "rates", "none", "kinds", "pair"):
        assert found[key] == thing[key]
    assert found["size"] == (4, 3, 3, 3)
    assert found["parameter"].requires_grad


def test_weights_go_into_a_module_of_ours(torch, tmp_path):
    theirs = torch.nn.Linear(3, 2)
    ours = nn.Linear(3, 2)

    ours.load_state_dict(az.load(saved(torch, theirs.state_dict(), tmp_path / "x.pt", is_new=True)))

    x = np.ones((1, 3), np.float32)
    y = theirs(torch.from_numpy(x)).detach().numpy()
    assert np.allclose(ours(az.tensor(x)).detach().numpy(), y)


@pytest.mark.parametrize("is_new", [True, False], ids=["archive", "stream"])
def test_tensors_that_share_memory_share_it_again(torch, tmp_path, is_new):
    x = torch.zeros(4)

    found = az.load(saved(torch, [x, x[2:]], tmp_path / "x.pt", is_new=is_new))
    found[0].data[3] = 7

    assert found[1].numpy().tolist() == [0, 7]


class Hostile:
    def __init__(self, called, *arguments) -> None:
        self.called, self.arguments = called, arguments

    def __reduce__(self):
        return self.called, self.arguments


def archive(path: Path, pickled: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x/data.pkl", pickled)
    return path


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize(
    ("called", "arguments", "name"),
    [
        (eval, ("1/0",), "eval"),
        (exec, ("raise SystemExit",), "exec"),
        (__import__("os").system, ("false",), "system"),
        (getattr, (OrderedDict, "pop"), "getattr"),
        (np.fromfile, ("x",), "fromfile"),
        (io.open, ("x", "w"), "open"),
    ],
)
def test_a_hostile_pickle_is_refused_by_the_name_it_calls(
    tmp_path, called, arguments, name, protocol
):
    pickled = pickle.dumps({"model": Hostile(called, *arguments)}, protocol)

    with pytest.raises(RefusedError, match=rf"x\.pt: it names [\w.]*{name}, which is refused"):
        az.load(archive(tmp_path / "x.pt", pickled))


def test_a_whole_module_is_refused_by_its_class(torch, tmp_path):
    path = saved(torch, torch.nn.Linear(1, 1), tmp_path / "x.pt", is_new=True)

    with pytest.raises(RefusedError, match=r"Linear, which is refused.*state_dict"):
        az.load(path)


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'false'\ntR.",
        b"\x80\x02cposix\nsystem\nX\x05\x00\x00\x00false\x85R.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x05false\x85R.",
        b"\x80\x02cposix\nsystem\n)\x81.",
        b"(S'false'\nios\nsystem\n.",
        b"(cos\nsystem\nS'false'\no.",
        b"\x80\x02ccollections\nOrderedDict\n}b.",
        b"\x80\x02\x82\x01.",
        b"Pkey\n.",
    ],
)
def test_no_operation_of_a_pickle_reaches_beyond_data(tmp_path, pickled):
    with pytest.raises((RefusedError, DataError), match=r"x\.pt: "):
        az.load(archive(tmp_path / "x.pt", pickled))


@pytest.mark.parametrize(
    ("offset", "shape", "stride"),
    [
        (0, (5,), (1,)),
        (-1, (1,), (1,)),
        (0, (2,), (-1,)),
        (3, (2, 2), (0, 1)),
        (0, (1 << 62,), (1,)),
    ],
)
def test_a_tensor_cannot_show_what_lies_beside_its_storage(
    torch, tmp_path, monkeypatch, offset, shape, stride
):
    path = saved(torch, torch.arange(4.0), tmp_path / "x.pt", is_new=True)
    from azuraforge.interop.pytorch import names

    monkeypatch.setitem(
        names.FUNCTIONS,
        "torch._utils._rebuild_tensor_v2",
        lambda storage, *_: names._tensor(storage, offset, shape, stride),
    )

    with pytest.raises(DataError, match=r"a tensor in it"):
        az.load(path)


def test_a_file_that_is_cut_short_says_so(torch, tmp_path):
    whole = saved(torch, torch.arange(400.0), tmp_path / "x.pt", is_new=False).read_bytes()
    path = tmp_path / "short.pt"

    for size in (10, 100, 300, len(whole) - 4):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"short\.pt"):
            az.load(path)
