"""Samplers: the numbers of the samples, epoch by epoch.

Those here are functions of their generator and the epoch: `order(epoch)` is the epoch's order,
iterating gives that of the `epoch` the sampler stands at, and moves on to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator, default_generator
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """Numbers of samples: a subclass has `__iter__`, and `__len__` where it is known.

    A loader resumes with one that is stateful only if it has `state_dict` and `load_state_dict`.
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__: a sampler needs one")


class EpochSampler(Sampler[int]):
    """A sampler whose order is a function of the epoch: a subclass has `order` and `__len__`."""

    epoch = 1

    def order(self, epoch: int) -> Array:
        """The numbers in the order of an epoch. Shape: -> (len(self),) int64"""
        raise NotImplementedError(f"{type(self).__name__}.order is for a subclass to write")

    def set_epoch(self, epoch: int) -> None:
        """Let the next iteration be that of `epoch`."""
        self.epoch = epoch

    def take(self) -> Array:
        """The order of the present epoch; the next is then present."""
        order = self.order(self.epoch)
        self.epoch += 1
        return order

    def __iter__(self) -> Iterator[int]:
        return iter(self.take().tolist())

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.set_epoch(state_dict["epoch"])


class SequentialSampler(EpochSampler):
    """The samples in order."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __len__(self) -> int:
        return len(self.data_source)

    def order(self, epoch: int) -> Array:
        return np.arange(len(self))


class RandomSampler(EpochSampler):
    """The samples in random order; `num_samples` of them, each anew with `replacement`.

    Without replacement, more than there are begin a second order behind the first.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        count = len(data_source) if num_samples is None else num_samples
        if count < 1 or not len(data_source):
            raise ConfigError(
                f"RandomSampler: num_samples {count} of {len(data_source)}; allowed: 1 or more"
            )
        self.data_source = data_source
        self.replacement = replacement
        self.num_samples = count
        self.generator = generator or default_generator().child("sampler")

    def __len__(self) -> int:
        return self.num_samples

    def order(self, epoch: int) -> Array:
        generator = self.generator.child(f"epoch {epoch}")
        rows = len(self.data_source)
        if self.replacement:
            return generator.integers(0, rows, (self.num_samples,))
        rounds = [generator.permutation(rows) for _ in range(-(-self.num_samples // rows))]
        return rounds[0][: len(self)] if len(rounds) == 1 else np.concatenate(rounds)[: len(self)]


class WeightedRandomSampler(EpochSampler):
    """`num_samples` samples, each with a probability proportional to its weight.

    Source: Efraimidis and Spirakis (2006), Weighted random sampling with a reservoir, for the
            draw without replacement: the largest of u^(1/w).
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        given = weights.data if isinstance(weights, Tensor) else weights
        self.weights = np.asarray(given, np.float64)
        usable = int(np.count_nonzero(self.weights > 0)) if self.weights.ndim == 1 else 0
        if not usable or not np.isfinite(self.weights).all() or (self.weights < 0).any():
            raise ConfigError(
                f"WeightedRandomSampler: weights of shape {self.weights.shape}, {usable} above 0; "
                "allowed: one number >= 0 per sample, one of them above 0"
            )
        most = usable if not replacement else None
        if num_samples < 1 or (most is not None and num_samples > most):
            allowed = "1 or more" if most is None else f"1 to {most}, the weights above 0"
            raise ConfigError(
                f"WeightedRandomSampler: num_samples {num_samples}; allowed: {allowed}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator or default_generator().child("sampler")

    def __len__(self) -> int:
        return self.num_samples

    def order(self, epoch: int) -> Array:
        generator = self.generator.child(f"epoch {epoch}")
        if self.replacement:
            edges = np.cumsum(self.weights)
            at = generator.uniform((self.num_samples,), dtype=np.float64) * edges[-1]
            return np.searchsorted(edges, at, side="right")
        u = generator.uniform(self.weights.shape, dtype=np.float64)
        with np.errstate(divide="ignore"):  # a weight of 0 comes last, at infinity
            waits = -np.log1p(-u) / self.weights
        return np.argsort(waits, kind="stable")[: self.num_samples]


class DistributedSampler(EpochSampler):
    """The share of process `rank` of `num_replicas`, the same in number for each.

    The order is split by turns; the last round is filled from its beginning, or left out with
    `drop_last`. Every process needs the same `seed`. Iterating moves on to the next epoch, so
    `set_epoch` is needed only to begin at another one.
    """

    epoch = 0

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int,
        rank: int,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if not 0 <= rank < num_replicas:
            raise ConfigError(
                f"DistributedSampler: rank {rank} of {num_replicas}; allowed: 0 to num_replicas - 1"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last

    def __len__(self) -> int:
        rows = len(self.dataset)
        return rows // self.num_replicas if self.drop_last else -(-rows // self.num_replicas)

    def order(self, epoch: int) -> Array:
        rows = len(self.dataset)
        whole = np.arange(rows)
        if self.shuffle:
            whole = Generator(self.seed).child(f"epoch {epoch}").permutation(rows)
        return np.resize(whole, len(self) * self.num_replicas)[self.rank :: self.num_replicas]


class BatchSampler(Sampler[list[int]]):
    """The numbers of another sampler, `batch_size` at a time."""

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        if batch_size < 1:
            raise ConfigError(f"BatchSampler: batch_size {batch_size}; allowed: 1 or more")
        self.sampler: Any = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        batch = []
        for number in self.sampler:
            batch.append(number)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def state_dict(self) -> dict[str, Any]:
        return {"sampler": sampler_state(self.sampler)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        load_sampler_state(self.sampler, state_dict["sampler"])


def sampler_state(sampler: Any) -> dict[str, Any] | None:
    """What brings the sampler back to where it is; None for one that does not say."""
    return sampler.state_dict() if hasattr(sampler, "state_dict") else None


def load_sampler_state(sampler: Any, state: Mapping[str, Any] | None) -> None:
    """Bring the sampler to where `sampler_state` found one like it."""
    if state is not None:
        sampler.load_state_dict(state)


def check_resumable(sampler: Any) -> None:
    """Raise ConfigError for a sampler that has no state_dict: it might not give the same again."""
    if isinstance(sampler, BatchSampler):
        check_resumable(sampler.sampler)
    elif not (isinstance(sampler, Sequence | np.ndarray | None) or hasattr(sampler, "state_dict")):
        raise ConfigError(
            f"DataLoader.state_dict: {type(sampler).__name__} has no state_dict; give the sampler "
            "state_dict and load_state_dict ({} if it always gives the same), or use a list"
        )
