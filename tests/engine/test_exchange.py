"""NumPy and PyTorch are the independent answer: what they see of a tensor, and we of theirs."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import azuraforge as az
from azuraforge.engine import nn
from azuraforge.errors import DTypeError, GradientError, RefusedError


def test_numpy_sees_the_memory_of_a_tensor():
    x = az.tensor([1.0, 2.0, 3.0])

    seen = np.asarray(x)
    seen[0] = 7

    assert x[0].item() == 7


def test_numpy_gets_a_copy_where_it_asks_for_one_or_for_another_type():
    x = az.tensor([1.0, 2.0])

    copied, typed = np.array(x, copy=True), np.asarray(x, dtype=np.float64)

    assert not np.shares_memory(copied, x.data)
    assert typed.dtype == np.float64


def test_a_type_that_needs_a_copy_is_refused_where_none_may_be_made():
    x = az.tensor([1.0, 2.0])

    with pytest.raises(ValueError, match="copy"):
        np.array(x, dtype=np.float64, copy=False)


@pytest.mark.parametrize("function", [np.asarray, np.from_dlpack, np.sin, lambda x: np.stack([x])])
def test_numpy_is_not_given_a_tensor_that_needs_a_gradient(function):
    x = az.tensor([1.0], requires_grad=True)

    with pytest.raises((GradientError, TypeError)):
        function(x)


def test_numpys_functions_do_not_apply_to_a_tensor_in_silence():
    x = az.tensor([1.0])

    with pytest.raises(TypeError, match="does not support ufuncs"):
        np.sin(x)


def test_an_array_plus_a_tensor_is_a_tensor():
    total = np.ones(2, np.float32) + az.tensor([1.0, 2.0])

    assert isinstance(total, az.Tensor)


def test_dlpack_shares_memory_with_numpy_both_ways():
    x = az.tensor([[1.0, 2.0], [3.0, 4.0]])
    theirs = np.arange(6.0).reshape(2, 3).T

    seen, ours = np.from_dlpack(x), az.from_dlpack(theirs)

    assert np.shares_memory(seen, x.data)
    assert np.shares_memory(ours.data, theirs)
    assert ours.shape == (3, 2)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64", "bool"])
def test_dlpack_shares_memory_with_pytorch_both_ways(dtype):
    torch = pytest.importorskip("torch", reason="PyTorch is there for comparison (make peers)")
    x = az.tensor(np.ones((2, 3), dtype))

    theirs = torch.from_dlpack(x)
    theirs[0, 0] = 0
    back = az.from_dlpack(theirs.T)
    back.data[2, 1] = 0

    assert x.numpy()[0, 0] == 0
    assert x.numpy()[1, 2] == 0
    assert str(theirs.dtype) == f"torch.{dtype}"


def test_what_speaks_no_dlpack_is_refused():
    with pytest.raises(DTypeError, match="from_dlpack: list has no __dlpack__"):
        az.from_dlpack([1.0])


def test_from_numpy_and_as_tensor_share_memory():
    array = np.zeros(3)

    shared = [az.from_numpy(array), az.as_tensor(array), az.as_tensor(az.from_numpy(array))]

    assert all(np.shares_memory(x.data, array) for x in shared)
    assert az.as_tensor([1, 2]).dtype == np.int64
    assert az.as_tensor(array, dtype="float32").dtype == np.float32


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("thing", [az.tensor([1.0]), nn.Linear(2, 3)], ids=["tensor", "module"])
def test_a_pickle_is_refused_with_the_reason(thing, protocol):
    with pytest.raises(RefusedError, match=r"runs the code in it.*azuraforge\.save"):
        pickle.dumps(thing, protocol)


def test_a_module_can_be_copied_with_what_its_parameters_share():
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    module._modules["1"].weight = module._modules["0"].weight

    twin = copy.deepcopy(module)

    first, second = (each.weight for each in twin._modules.values())
    assert first is second
    assert first is not module._modules["0"].weight
    assert np.array_equal(first.data, module._modules["0"].weight.data)


def test_the_result_of_an_op_cannot_be_copied_with_its_past():
    y = az.tensor([1.0], requires_grad=True) * 2

    with pytest.raises(GradientError, match=r"detach\(\)"):
        copy.deepcopy(y)


def test_a_tensor_makes_no_claim_to_the_array_api():
    assert not hasattr(az.tensor([1.0]), "__array_namespace__")
