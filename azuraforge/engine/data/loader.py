"""DataLoader: a dataset in batches, in an order that is a function of seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator

from azuraforge.engine.data.dataset import TensorDataset
from azuraforge.engine.device import Array
from azuraforge.engine.random import Generator, default_generator
from azuraforge.errors import ConfigError


class DataLoader:
    """Batches of a dataset; `for x, y in loader` runs one epoch after the other.

    Not shuffled, they are views of the dataset's arrays, as slices are.

    Epoch e is shuffled by the generator's child "epoch e", so any batch of any epoch is reached
    without drawing what came before: (epoch, batch) is the whole cursor.
    """

    def __init__(
        self,
        dataset: TensorDataset,
        batch_size: int = 1,
        shuffle: bool = False,
        *,
        drop_last: bool = False,
        generator: Generator | None = None,
    ) -> None:
        if batch_size < 1 or not len(dataset):
            raise ConfigError(
                f"DataLoader: batch_size {batch_size} of {len(dataset)} rows; allowed: 1 or more"
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.generator = generator or default_generator().child("loader")
        self.epoch = 0

    def __len__(self) -> int:
        """Batches in an epoch."""
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        self.epoch += 1
        return self.batches(self.epoch)

    def batches(self, epoch: int, start: int = 0) -> Iterator[tuple[Array, ...]]:
        """The batches of an epoch from number `start` on."""
        size = self.batch_size
        slices = [slice(at * size, (at + 1) * size) for at in range(start, len(self))]
        if not self.shuffle:
            return self.dataset.each(slices)
        order = self._order(epoch)
        return self.dataset.each([order[rows] for rows in slices])

    def _order(self, epoch: int) -> Array:
        return self.generator.child(f"epoch {epoch}").permutation(len(self.dataset))
