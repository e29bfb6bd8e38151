"""Weights from a stranger: a pickle, a bomb, a huge header; refused, and never run."""

from __future__ import annotations

import json
import pickle
import resource
from collections.abc import Iterator
from random import Random

import numpy as np

from azuraforge.chaos.row import Case
from azuraforge.errors import DataError
from azuraforge.store.tensors import decode, encode

MOST_GROWN_KIB = 64 << 10  # the memory that refusing may take at most


def weights(case: Case) -> Iterator[str]:
    """Bytes made to do harm are read as weights."""
    kinds = (_pickled, _huge_header, _bomb, _overlapping, _cut_short, _nested)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(case.times):
        kind = kinds[number % len(kinds)]
        name, data = kind.__name__.lstrip("_"), kind(case.rng)
        try:
            decode(data)
            wrong = f"{name}: {len(data)} bytes were read as weights"
        except DataError:
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            wrong = f"{name}: refused, after {grown} KiB" if grown > MOST_GROWN_KIB else ""
        yield wrong
    case.figures["memory taken, KiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


class _Told:
    """What would be run if anything were unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('unpickled')",)


def _pickled(rng: Random) -> bytes:
    return pickle.dumps({"weights": _Told(), "n": rng.random()})


def _huge_header(rng: Random) -> bytes:
    return rng.randrange(1 << 40, 1 << 63).to_bytes(8, "little") + b"{}"


def _bomb(rng: Random) -> bytes:
    """A few bytes that say they are terabytes."""
    rows = rng.randrange(1 << 36, 1 << 44)
    return _safetensors({"w": {"dtype": "F32", "shape": [rows], "data_offsets": [0, 4 * rows]}})


def _overlapping(rng: Random) -> bytes:
    """Two arrays that lie on one another."""
    count = rng.randrange(2, 100)
    one = {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}
    return _safetensors({"a": one, "b": one}, bytes(count))


def _cut_short(rng: Random) -> bytes:
    whole = encode({"w": np.arange(1000.0)}, {"n": rng.random()})
    return whole[: rng.randrange(len(whole))]


def _nested(rng: Random) -> bytes:
    depth = rng.randrange(10_000, 100_000)
    text = b'{"w":' + b"[" * depth + b"]" * depth + b"}"
    return len(text).to_bytes(8, "little") + text


def _safetensors(header: dict[str, object], data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data
