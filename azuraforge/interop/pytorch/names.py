"""What the names in PyTorch's files stand for. All others are refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from azuraforge.engine.tensor import Tensor
from azuraforge.errors import DataError, DTypeError, RefusedError
from azuraforge.interop.pytorch.stack import Named

DTYPES: dict[str, str] = {  # PyTorch's storages and types -> NumPy's types as they lie in the file
    "float64": "f8", "float32": "f4", "float16": "f2", "bfloat16": "bfloat16", "int64": "i8",
    "int32": "i4", "int16": "i2", "int8": "i1", "uint8": "u1", "uint16": "u2", "uint32": "u4",
    "uint64": "u8", "bool": "?", "complex64": "c8", "complex128": "c16",
}  # fmt: skip
STORAGES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16",
    "Long": "int64", "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8",
    "Bool": "bool", "ComplexFloat": "complex64", "ComplexDouble": "complex128",
}  # fmt: skip

Order = Literal["<", ">"]


class Storage:
    """The numbers of one storage, and those of its type."""

    def __init__(self, data: bytearray, dtype: str | None, order: Order = "<") -> None:
        """`dtype` is None for a storage of bytes, whose tensors say their type."""
        self.data, self.dtype, self._order = data, dtype, order
        self._arrays: dict[str, np.ndarray[Any, Any]] = {}  # one for all tensors that share it

    def array(self, dtype: str) -> np.ndarray[Any, Any]:
        """All numbers, in the machine's own order; bfloat16 as float32."""
        if dtype not in self._arrays:
            self._arrays[dtype] = _numbers(self.data, dtype, self._order)
        return self._arrays[dtype]

    def fill(self, data: bytes) -> None:
        """Put the numbers in, also where tensors show them. Raises: DataError for too few."""
        if len(data) != len(self.data):
            raise DataError(f"a storage in it has {len(data)} bytes of {len(self.data)}")
        self.data[:] = data
        for dtype, array in self._arrays.items():
            array[...] = _numbers(self.data, dtype, self._order)


def itemsize(dtype: str | None) -> int:
    """How many bytes one number of a storage takes."""
    if dtype is None:
        return 1
    return 2 if dtype == "bfloat16" else np.dtype(DTYPES[dtype]).itemsize


def _numbers(data: bytearray, dtype: str, order: Order) -> np.ndarray[Any, Any]:
    kind = np.dtype("u2" if dtype == "bfloat16" else DTYPES[dtype]).newbyteorder(order)
    whole = len(data) // kind.itemsize * kind.itemsize  # bytes may be left over of another type
    array = np.frombuffer(memoryview(data)[:whole], kind)
    if dtype == "bfloat16":  # the upper half of a float32
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(kind.newbyteorder("="), copy=False)


def built(called: Named, arguments: tuple[Any, ...]) -> Any:
    """What a call of a name gives. Raises: RefusedError for a name that is not allowed."""
    function = FUNCTIONS.get(str(called))
    if function is None:
        raise RefusedError(
            f"it names {called}, which is refused; allowed: tensors, numbers, text and containers, "
            "as torch.save(module.state_dict()) writes them"
        )
    return function(*arguments)


def storage_type(named: Any) -> str | None:
    """PyTorch's type of a storage; None for bytes. Raises: RefusedError for what is none."""
    if isinstance(named, Named) and named.module in ("torch", "torch.storage"):
        kind = named.name.removesuffix("Storage")
        if kind in STORAGES:
            return STORAGES[kind]
        if kind == "Untyped":
            return None
    raise RefusedError(f"it has a storage of type {named}, which is refused")


def dtype_named(named: Any) -> str:
    """PyTorch's name of an element type. Raises: DTypeError for one that we have not."""
    if isinstance(named, Named) and named.module == "torch" and named.name in DTYPES:
        return named.name
    raise DTypeError(f"it has a tensor of type {named}; allowed: {', '.join(DTYPES)}")


def _tensor(
    storage: Any,
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool = False,
    *_: Any,
) -> Tensor:
    """A tensor that shows part of a storage. (Hooks and metadata, which follow, are left.)"""
    if not isinstance(storage, Storage) or storage.dtype is None:
        raise DataError("a tensor in it is of no typed storage")
    return _view(storage.array(storage.dtype), offset, shape, stride, requires_grad)


def _tensor_of_bytes(
    storage: Any,
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
    hooks: Any,
    dtype: Any,
    *_: Any,
) -> Tensor:
    """The same over a storage of bytes; `offset` counts numbers of the tensor's type."""
    if not isinstance(storage, Storage):
        raise DataError("a tensor in it is of no storage")
    return _view(storage.array(dtype_named(dtype)), offset, shape, stride, requires_grad)


def _view(
    array: np.ndarray[Any, Any],
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool,
) -> Tensor:
    """Raises: DataError for a part that is not within the storage."""
    sizes = [offset, *shape, *stride]
    if len(shape) != len(stride) or any(type(n) is not int or n < 0 for n in sizes):
        raise DataError(f"a tensor in it has shape {shape}, strides {stride}, offset {offset}")
    last = offset + sum((n - 1) * s for n, s in zip(shape, stride, strict=True))
    if math.prod(shape) and last >= len(array):
        raise DataError(
            f"a tensor in it of shape {shape}, strides {stride}, reaches to element {last} of a "
            f"storage of {len(array)}"
        )
    begin = array[offset:] if math.prod(shape) else array[:0]
    steps = [s * array.itemsize for s in stride]
    shown = np.lib.stride_tricks.as_strided(begin, shape, steps)
    return Tensor(shown, requires_grad and array.dtype.kind in "fc")


def _parameter(data: Tensor, requires_grad: bool = True, *_: Any) -> Tensor:
    data.requires_grad = bool(requires_grad) and data.dtype.kind in "fc"
    return data


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_bytes,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.Size": lambda sizes=(): tuple(sizes),
    "torch.device": lambda kind, which=0: f"{kind}:{which}" if kind != "cpu" else "cpu",
    "torch.serialization._get_layout": lambda name: name,
    "collections.OrderedDict": lambda items=(): dict(items),
    "collections.Counter": lambda items=(): dict(items),
    "builtins.set": lambda items=(): set(items),
    "__builtin__.set": lambda items=(): set(items),
    "builtins.complex": complex,
    "__builtin__.complex": complex,
}
