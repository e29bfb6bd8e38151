"""Datasets and functions that spawned workers can import."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from azuraforge.data import Dataset, IterableDataset, get_worker_info
from azuraforge.engine.random import default_generator


class Noisy(Dataset[Any]):
    """Samples of an array, a number and a text; the array has noise of the default generator."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        noise = default_generator().normal((3,))
        return {"x": np.full(3, index, np.float32) + noise, "y": index, "name": f"n{index}"}


class Stream(IterableDataset[Any]):
    """Numbers from 0, with noise; divided between workers, if it sees any, as PyTorch's do it."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for number in range(first, self.count, step):
            yield number, default_generator().normal((2,))


class Broken(Dataset[Any]):
    """Raises for one sample: what cannot be made from its arguments, or a plain ValueError."""

    def __init__(self, at: int, error: str) -> None:
        self.at = at
        self.error = error

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> Any:
        if index == self.at:
            self.explode()
        return index

    def explode(self) -> None:
        if self.error == "exit":
            os._exit(3)
        if self.error == "stubborn":
            raise StubbornError("one", "two")
        raise ValueError("a broken sample")


class StubbornError(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


class Process(Dataset[Any]):
    """Which worker makes a sample, by its number and by its process."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        info = get_worker_info()
        return (-1 if info is None else info.id, os.getpid())


class Big(Dataset[Any]):
    """Samples of growing size, some empty, some not contiguous."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        return np.arange(index * 50_000.0).reshape(index, -1)[:, ::2] if index else np.empty((0, 2))


class Located(Dataset[Any]):
    """Whether its array lies in a file's memory."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Any:
        base = self.x
        while isinstance(base, np.ndarray):
            base = base.base
        return isinstance(getattr(base, "obj", base), mmap.mmap)


def as_list(samples: list[Any]) -> list[Any]:
    return samples


def unsendable(samples: list[Any]) -> Any:
    return lambda: samples


def note(id: int) -> None:
    with open(os.environ["AZURAFORGE_TEST_NOTES"], "a") as file:
        file.write(f"{id}\n")
