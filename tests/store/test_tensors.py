from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save

from azuraforge.errors import DataError
from azuraforge.store.tensors import DTYPES, decode, encode, parts

arrays = hnp.arrays(
    st.sampled_from([np.dtype(name) for name in DTYPES]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
names = st.text(st.characters(codec="utf-8")).filter(lambda name: name != "__metadata__")
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
SAMPLE = encode({"weight": np.arange(6.0).reshape(2, 3), "bias": np.zeros(2)}, {"classes": ["a"]})


@given(
    tensors=st.dictionaries(names, arrays, max_size=4),
    metadata=st.dictionaries(st.text(), values, max_size=4),
)
def test_arrays_and_metadata_come_back_bit_for_bit(tensors, metadata):
    found, found_metadata = decode(encode(tensors, metadata))

    assert found_metadata == metadata
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert found[name].tobytes() == tensor.tobytes()


@given(
    tensors=st.dictionaries(names, arrays, max_size=6),
    metadata=st.dictionaries(st.text(), values, max_size=2),
)
def test_parts_are_byte_for_byte_what_safetensors_writes(tensors, metadata):
    own = save(tensors, {"azuraforge": json.dumps(metadata, sort_keys=True)})

    assert b"".join(parts(tensors, metadata)) == own


def test_parts_are_the_memory_of_the_arrays_themselves():
    weight = np.zeros((2, 3), np.float32)

    _, part = parts({"weight": weight}, {})
    weight[1, 2] = 1

    assert bytes(part) == weight.tobytes()


def test_a_name_that_no_text_can_say_is_refused():
    with pytest.raises(DataError, match="UTF-8"):
        encode({"\ud800": np.zeros(2)}, {})


@pytest.mark.parametrize(
    "view",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.arange(24).reshape(2, 3, 4)[:, ::-1, ::2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.broadcast_to(np.float32(3), (2, 2)),
        np.arange(4, dtype=">i4"),
    ],
    ids=["transposed", "strided", "fortran", "broadcast", "big-endian"],
)
def test_an_array_is_kept_in_its_own_order_however_it_lies_in_memory(view):
    found, _ = decode(encode({"x": view}, {}))

    np.testing.assert_array_equal(found["x"], view)


def test_what_was_decoded_can_be_trained_on():
    tensors, _ = decode(SAMPLE)

    tensors["weight"] += 1

    assert tensors["weight"][0, 0] == 1


def test_equal_content_in_another_order_gives_equal_bytes():
    a, b = np.arange(3), np.arange(4.0)

    one = encode({"a": a, "b": b}, {"x": 1, "y": {"p": 2, "q": 3}})
    other = encode({"b": b, "a": a}, {"y": {"q": 3, "p": 2}, "x": 1})

    assert one == other


@pytest.mark.parametrize("dtype", ["complex64", "U3", "O", "M8[s]"])
def test_an_element_type_the_format_lacks_is_refused_by_name(dtype):
    with pytest.raises(DataError, match=r"tensor 'x': cannot keep .* allowed: bool, int8"):
        encode({"x": np.zeros(2, dtype)}, {})


def test_the_name_the_format_keeps_for_itself_is_refused():
    with pytest.raises(DataError, match="cannot be named '__metadata__'"):
        encode({"__metadata__": np.zeros(2)}, {})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32(1), b"x", {1, 2}])
def test_metadata_that_json_cannot_say_is_refused(value):
    with pytest.raises(DataError, match="metadata is not plain JSON"):
        encode({}, {"scaler": value})


def test_safetensors_of_another_program_have_no_metadata():
    tensors, metadata = decode(save({"x": np.ones(2)}))

    assert metadata == {}
    np.testing.assert_array_equal(tensors["x"], [1, 1])


@pytest.mark.parametrize("text", ["[1]", "null", "{", "[" * 100_000])
def test_metadata_that_is_no_object_is_refused(text):
    with pytest.raises(DataError, match="not safetensors"):
        decode(save({}, {"azuraforge": text}))


@pytest.mark.parametrize("length", [0, 7, 8, 20, len(SAMPLE) - 1])
def test_bytes_cut_short_are_refused(length):
    with pytest.raises(DataError, match=f"these {length} bytes are not safetensors"):
        decode(SAMPLE[:length])


@given(data=st.binary(max_size=200))
def test_any_other_bytes_are_refused(data):
    with pytest.raises(DataError, match="not safetensors"):
        decode(data)


@given(at=st.integers(0, len(SAMPLE) - 1), flip=st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_harmless_to_the_program(at, flip):
    damaged = bytearray(SAMPLE)
    damaged[at] ^= flip

    try:
        tensors, metadata = decode(bytes(damaged))
    except DataError:
        return

    assert all(isinstance(tensor, np.ndarray) for tensor in tensors.values())
    assert isinstance(metadata, dict)
