"""Arrays and what belongs to them as safetensors bytes: no pickle, no code, equal in, equal out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from azuraforge.errors import DataError

Array = np.ndarray[Any, np.dtype[Any]]
METADATA = "azuraforge"  # the one key of the safetensors header's own metadata: JSON text
RESERVED = "__metadata__"
# In the order in which safetensors' own writer puts them: the widest first, then by these.
NAMES = {
    "uint64": "U64", "int64": "I64", "float64": "F64", "float32": "F32", "uint32": "U32",
    "int32": "I32", "float16": "F16", "uint16": "U16", "int16": "I16", "int8": "I8",
    "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()
ALIGNMENT = 8  # the data begins at a multiple of it; spaces fill the header up


def encode(tensors: dict[str, Array], metadata: dict[str, Any]) -> bytes:
    """The arrays and plain JSON values as safetensors; equal content gives equal bytes.

    Raises: DataError naming the array it cannot keep, or the metadata that JSON cannot say (NaN,
        NumPy numbers).
    """
    return b"".join(parts(tensors, metadata))


def parts(tensors: dict[str, Array], metadata: dict[str, Any]) -> list[bytes | memoryview]:
    """What `encode` gives, in pieces: the header, then the memory of the arrays themselves.

    Nothing is copied, unless an array does not lie in its own order; so the arrays must not change
    while the parts are read.

    Raises: as `encode`.
    """
    for name, tensor in tensors.items():
        if tensor.dtype.name not in DTYPES:
            allowed = ", ".join(DTYPES)
            raise DataError(f"tensor {name!r}: cannot keep {tensor.dtype}; allowed: {allowed}")
        if name == RESERVED:
            raise DataError(f"a tensor cannot be named {name!r}: safetensors keeps that name")
    rank = list(NAMES).index
    order = sorted(tensors, key=lambda name: (rank(tensors[name].dtype.name), name))
    header: dict[str, Any] = {RESERVED: {METADATA: _json(metadata)}}
    end = 0
    for name in order:
        tensor = tensors[name]
        begin, end = end, end + tensor.nbytes
        header[name] = {
            "dtype": NAMES[tensor.dtype.name],
            "shape": tensor.shape,
            "data_offsets": (begin, end),
        }
    return [_header(header), *(_memory(tensors[name]) for name in order)]


def decode(data: bytes) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays, writable, and the metadata: {} where another program wrote the bytes.

    Raises: DataError if the bytes are not safetensors, cut short or damaged in the header.
    """
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        metadata = json.loads(header.get(RESERVED, {}).get(METADATA, "{}"))
        if not isinstance(metadata, dict):
            raise TypeError(f"its metadata is {metadata!r:.40}, not an object")
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"these {len(data)} bytes are not safetensors ({reason})") from error
    return tensors, metadata


def _header(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"a tensor's name is not text that UTF-8 can say: {error}") from error
    data += b" " * (-len(data) % ALIGNMENT)
    return len(data).to_bytes(8, "little") + data


def _memory(tensor: Array) -> memoryview:
    """The bytes of the array in its own order, little end first."""
    little = tensor.dtype.newbyteorder("<")
    in_order = np.asarray(tensor, order="C").astype(little, copy=False)
    return in_order.reshape(-1).view(np.uint8).data


def _json(metadata: dict[str, Any]) -> str:
    try:
        return json.dumps(metadata, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"metadata is not plain JSON: {error}") from error
