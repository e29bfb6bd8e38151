"""Sequences of different lengths: padded to one length, or packed step after step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from azuraforge.engine.device import Array, module_of, put
from azuraforge.engine.ops import index as places
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.tensor import Tensor, read
from azuraforge.errors import ConfigError, ShapeError

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence(NamedTuple):
    """Rows of all sequences, step after step, and how many sequences reach each step.

    The sequences stand by falling length; sorted_indices says which of those given stands where,
    unsorted_indices the other way round; None: they came so.

    Shape: data (sum of lengths, …), batch_sizes (longest,), the indices (batch,)
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    @property
    def steps(self) -> list[int]:
        """How many sequences reach each step."""
        read("the steps of a PackedSequence")
        return [int(n) for n in self.batch_sizes.data]

    @property
    def lengths(self) -> Array:
        """The length of each sequence, longest first."""
        sizes = np.array(self.steps)
        return (sizes[:, None] > np.arange(sizes[0] if len(sizes) else 0)).sum(0)

    def with_data(self, data: Tensor) -> PackedSequence:
        """Other rows of the same sequences."""
        return self._replace(data=data)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Where each number stands in a permutation."""
    if permutation is None:
        return None
    read("invert_permutation")
    return Tensor(module_of(permutation.data).argsort(permutation.data))


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """The rows of a padded batch that are no padding, step after step.

    Shape:  input (time, batch, …), or (batch, time, …) where batch_first; lengths (batch,)
    Raises: ShapeError; ConfigError for lengths that do not fall, if they are to be sorted already.
    """
    sizes = _whole(lengths)
    x = input.transpose(0, 1) if batch_first else input
    if sizes.shape != (x.shape[1],) or not sizes.size or sizes.min() <= 0 or sizes.max() > len(x):
        raise ShapeError(
            f"pack_padded_sequence: input {input.shape}, lengths {sizes.tolist()}; allowed: one "
            f"for each of {x.shape[1]} sequences, 1 to {len(x)}"
        )
    if enforce_sorted:
        if (np.diff(sizes) > 0).any():
            raise ConfigError(
                f"pack_padded_sequence: lengths {sizes.tolist()}; allowed: falling ones, or pass "
                "enforce_sorted=False"
            )
        order = None
    else:
        order = np.argsort(-sizes, kind="stable")
        x, sizes = x[:, order], sizes[order]
    steps, rows = _rows(sizes)
    return PackedSequence(
        x[steps, rows],
        Tensor(np.bincount(steps)),
        None if order is None else Tensor(order),
        None if order is None else Tensor(np.argsort(order)),
    )


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The sequences as one padded batch, in the order they were given, and their lengths.

    Raises: ShapeError for a total_length that is too short.
    """
    sizes = sequence.lengths
    time = int(sizes.max()) if total_length is None else total_length
    if time < sizes.max():
        raise ShapeError(
            f"pad_packed_sequence: total_length {time}; allowed: {sizes.max()} and above"
        )
    data = sequence.data
    steps, rows = _rows(sizes)
    shape = (time, len(sizes), *data.shape[1:])
    blank = Tensor(module_of(data.data).full(shape, padding_value, data.dtype))
    y = cast(Tensor, places.index_put(blank, data, index=(steps, rows)))
    if sequence.unsorted_indices is not None:
        order = put(sequence.unsorted_indices.data, "cpu")
        y, sizes = y[:, order], sizes[order]
    return y.transpose(0, 1) if batch_first else y, Tensor(sizes)


def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (time, …) of different lengths as one batch, padded after, or before, them.

    Raises: ShapeError, ConfigError.
    """
    if padding_side not in ("left", "right"):
        raise ConfigError(f"pad_sequence: padding_side {padding_side!r}; allowed: 'left', 'right'")
    given = list(sequences)
    if not given or len({x.shape[1:] for x in given}) > 1:
        raise ShapeError(
            f"pad_sequence: sequences {[x.shape for x in given]}; allowed: at least one, alike but "
            "for the first axis"
        )
    time = max(len(x) for x in given)
    padded = [_padded(x, time - len(x), padding_value, padding_side) for x in given]
    return cast(Tensor, layout.stack(*padded, axis=0 if batch_first else 1))


def _padded(x: Tensor, count: int, value: float, side: str) -> Tensor:
    if not count:
        return x
    blank = Tensor(module_of(x.data).full((count, *x.shape[1:]), value, x.dtype))
    parts = (blank, x) if side == "left" else (x, blank)
    return cast(Tensor, layout.cat(*parts, axis=0))


def unpad_sequence(
    padded_sequences: Tensor, lengths: Any, batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded batch, each of its length."""
    x = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [x[i, :n] for i, n in enumerate(_whole(lengths).tolist())]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (time, …) of different lengths, packed."""
    lengths = np.array([len(x) for x in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def _whole(lengths: Any) -> Array:
    if isinstance(lengths, Tensor):
        read("the lengths of sequences")
        return put(lengths.data, "cpu").astype(np.int64)
    return np.asarray(lengths, np.int64)


def _rows(lengths: Array) -> tuple[Array, Array]:
    """Step and sequence of each packed row, for lengths that fall."""
    steps, rows = np.nonzero(np.arange(lengths.max())[:, None] < lengths)
    return steps, rows
