"""A checksum of a model that is cheap enough for every step."""

from __future__ import annotations

import hashlib

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.nn import Module


def digest(model: Module) -> str:
    """64 bits, in hexadecimal, of the values of all parameters and buffers with their names.

    Each array counts by the sum of its bits taken as whole numbers, modulo 2⁶⁴: at the speed of
    memory, on any device, and the same in whatever order it is added up.
    """
    sums = ((name, _sum(array)) for name, array in model.state_dict().items())
    text = ";".join(f"{name}={total}" for name, total in sums)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _sum(array: Array) -> int:
    xp = module_of(array)
    flat = xp.ascontiguousarray(array).reshape(-1)
    for words in ("uint64", "uint32", "uint16"):
        if flat.nbytes % xp.dtype(words).itemsize == 0:
            return int(flat.view(words).sum(dtype="uint64"))
    return int(flat.view("uint8").sum(dtype="uint64"))
