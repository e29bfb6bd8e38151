"""`load` and `save`: tensors in files. safetensors is written; PyTorch's files are read as well."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save_file

from azuraforge.engine.device import is_array, put
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DataError, DTypeError
from azuraforge.interop.pytorch import is_pytorch, read

DTYPES = {
    "F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1",
    "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1", "BOOL": "?", "C64": "c8",
}  # fmt: skip
BFLOAT16 = "BF16"


def load(path: str | Path) -> Any:
    """The tensors in a safetensors file by name, or what torch.save wrote, whatever it is called.

    bfloat16 becomes float32. Nothing in a file is run: one that asks for it is refused.

    Raises: DataError for a file that is neither, or damaged; RefusedError for a PyTorch file with
            more in it than data; DTypeError for numbers of a type we have not.
    """
    with Path(path).open("rb") as file:
        start = file.read(9)
    if start[8:] == b"{":
        return _safetensors(Path(path))
    if is_pytorch(start):
        return read(path)
    raise DataError(f"{path}: neither a safetensors file nor one of PyTorch's, by its first bytes")


def save(
    tensors: Mapping[str, Any], path: str | Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors, such as module.state_dict(), as a safetensors file, at once or not at all.

    Raises: ConfigError for anything but a mapping of names to tensors or arrays, and for a name
            that says it is a PyTorch file; DTypeError for a type that safetensors has not.
    """
    path = Path(path)
    if path.suffix in (".pt", ".pth", ".bin", ".ckpt", ".pkl"):
        raise ConfigError(
            f"save: {path.name} would be a pickle, which runs code when it is read; name it "
            f"{path.stem}.safetensors, which PyTorch reads by safetensors.torch.load_file"
        )
    if not isinstance(tensors, Mapping):
        raise ConfigError(
            f"save: got {type(tensors).__name__}; allowed: a mapping of names to tensors, such as "
            "module.state_dict()"
        )
    arrays = {_name(name): _array(name, value) for name, value in tensors.items()}
    part = path.with_name(f".{path.name}.part")
    try:
        save_file(arrays, part, dict(metadata) if metadata else None)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        found = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise DataError(f"{path}: not a whole safetensors file: {error}") from error
    return {name: Tensor(_numbers(path, name, each)) for name, each in found}


def _numbers(path: Path, name: str, each: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    kind = each["dtype"]
    if kind == BFLOAT16:  # the upper half of a float32
        half = np.frombuffer(each["data"], "<u2").astype(np.uint32)
        return (half << 16).view(np.float32).reshape(each["shape"])
    if kind not in DTYPES:
        raise DTypeError(f"{path}: {name} is of type {kind}; allowed: {', '.join(DTYPES)}, BF16")
    little = np.dtype(DTYPES[kind]).newbyteorder("<")
    array = np.frombuffer(bytearray(each["data"]), little).reshape(each["shape"])
    return array.astype(little.newbyteorder("="), copy=False)


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise ConfigError(f"save: a tensor is called {name!r}; allowed: text")
    return name


def _array(name: str, value: Any) -> np.ndarray[Any, Any]:
    if not (isinstance(value, Tensor | np.generic) or is_array(value)):
        raise ConfigError(
            f"save: {name} is {type(value).__name__}; allowed: a tensor or an array; other values "
            "may go into `metadata` as text"
        )
    data = value.data if isinstance(value, Tensor) else value
    if data.dtype.str[1:] not in DTYPES.values() and data.dtype.kind != "b":
        raise DTypeError(f"save: {name} is of type {data.dtype}, which safetensors has not")
    return np.asarray(put(data, "cpu"), order="C")
