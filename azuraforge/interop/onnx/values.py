"""Values in a running graph, and how ONNX writes them down."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from azuraforge.engine.device import put
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DTypeError

# A Tensor; an array, where the value follows from constants and shapes alone; a list, for a
# sequence; None, for what is absent.
Value = Any


def array_of(proto: Any, folder: str = "") -> np.ndarray[Any, Any]:
    """The array in a TensorProto, or the dense one of a SparseTensorProto.

    Raises: DTypeError for a tensor of strings.
    """
    if isinstance(proto, onnx.SparseTensorProto):
        return _dense(proto)
    if proto.data_type == onnx.TensorProto.STRING:
        raise DTypeError(f"onnx: tensor {proto.name!r} is of strings; allowed: numbers and truth")
    array: np.ndarray[Any, Any] = numpy_helper.to_array(proto, base_dir=folder)
    return array


def _dense(proto: Any) -> np.ndarray[Any, Any]:
    values, places = array_of(proto.values), array_of(proto.indices)
    dense = np.zeros(tuple(proto.dims), values.dtype)
    if places.ndim == 1:
        dense.reshape(-1)[places] = values
    else:
        dense[tuple(places.T)] = values
    return dense


def dtype_of(element_type: int) -> np.dtype[Any]:
    """The NumPy type for ONNX's number of an element type."""
    dtype: np.dtype[Any] = np.dtype(helper.tensor_dtype_to_np_dtype(element_type))
    return dtype


def attribute(proto: Any) -> Any:
    """The value of an attribute: numbers, text, arrays or protos of graphs and types."""
    kinds = onnx.AttributeProto
    value = helper.get_attribute_value(proto)
    if proto.type == kinds.STRING:
        return value.decode()
    if proto.type == kinds.STRINGS:
        return [each.decode() for each in value]
    if proto.type in (kinds.TENSOR, kinds.SPARSE_TENSOR):
        return array_of(value)
    return list(value) if proto.type in (kinds.INTS, kinds.FLOATS) else value


def as_tensor(value: Value) -> Value:
    """An array as a Tensor; lists element by element; anything else as it is."""
    if isinstance(value, np.ndarray | np.generic):
        return Tensor(np.asarray(value))
    return [as_tensor(each) for each in value] if isinstance(value, list) else value


def as_array(value: Value) -> Value:
    """A Tensor's numbers, whoever may be capturing; lists element by element."""
    if isinstance(value, Tensor):
        return put(value.data, "cpu")
    return [as_array(each) for each in value] if isinstance(value, list) else value


def on_host(value: Value) -> Value:
    """The numbers of a value, where they decide what is done."""
    return value.detach().numpy() if isinstance(value, Tensor) else value


def chosen(x: Tensor, axis: int, places: np.ndarray[Any, Any]) -> Tensor:
    """The elements of an axis at places that no tensor decides; more axes of places are kept."""
    return x[(*(slice(None),) * (axis % x.ndim), places)]


def number(value: Any) -> Any:
    """The single number in an array, as Python's. Raises: ValueError where there are more."""
    return np.asarray(value).item()


def is_constant(value: Value) -> bool:
    """Whether a value follows from constants and shapes alone."""
    if isinstance(value, list):
        return all(map(is_constant, value))
    return value is None or isinstance(value, np.ndarray | np.generic)


def narrow_type(values: list[Value]) -> np.dtype[Any] | None:
    """The element type among Tensors for which the engine has no ops, such as bfloat16."""
    for value in values:
        if isinstance(value, Tensor) and value.dtype.isbuiltin != 1:
            return value.dtype
    return None


def widened(value: Value) -> Value:
    """A Tensor of such a type as float32."""
    if isinstance(value, Tensor) and value.dtype.isbuiltin != 1:
        return Tensor(value.data.astype(np.float32))
    return value


def narrowed(value: Value, dtype: np.dtype[Any]) -> Value:
    """A Tensor of float32 in such a type."""
    if isinstance(value, Tensor) and value.dtype == np.float32:
        return Tensor(value.detach().numpy().astype(dtype))
    return value
