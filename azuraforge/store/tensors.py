"""Arrays and what belongs to them as safetensors bytes: no pickle, no code, equal in, equal out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from azuraforge.errors import DataError

Array = np.ndarray[Any, np.dtype[Any]]
METADATA = "azuraforge"  # the one key of the safetensors header's own metadata: JSON text
RESERVED = "__metadata__"
DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()


def encode(tensors: dict[str, Array], metadata: dict[str, Any]) -> bytes:
    """The arrays and plain JSON values as safetensors; equal content gives equal bytes.

    Raises: DataError naming the array it cannot keep, or the metadata that JSON cannot say (NaN,
        NumPy numbers).
    """
    for name, tensor in tensors.items():
        if tensor.dtype.name not in DTYPES:
            allowed = ", ".join(DTYPES)
            raise DataError(f"tensor {name!r}: cannot keep {tensor.dtype}; allowed: {allowed}")
        if name == RESERVED:
            raise DataError(f"a tensor cannot be named {name!r}: safetensors keeps that name")
    # safetensors reads memory as it lies and would keep a transposed array in the wrong order.
    in_order = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    return save(in_order, {METADATA: _json(metadata)})


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


def _json(metadata: dict[str, Any]) -> str:
    try:
        return json.dumps(metadata, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"metadata is not plain JSON: {error}") from error
