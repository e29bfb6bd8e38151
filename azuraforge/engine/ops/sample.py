"""Samples: the operands an op is tested and benchmarked with, declared beside the op."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

Kind = Literal["normal", "uniform", "distinct", "integers", "truths", "complex", "fixed"]


@dataclass(frozen=True)
class Draw:
    """How to make one operand; `2 * normal(3) + 1` scales and shifts it."""

    kind: Kind
    shape: tuple[int, ...]
    scale: float = 1.0
    shift: float = 0.0
    high: int = 0
    value: Any = None

    def __rmul__(self, factor: float) -> Draw:
        return replace(self, scale=self.scale * factor, shift=self.shift * factor)

    def __add__(self, offset: float) -> Draw:
        return replace(self, shift=self.shift + offset)

    def array(self, rng: np.random.Generator, dtype: Any = np.float64) -> Any:
        """The operand, drawn from `rng`; whole numbers and truth values stay so."""
        values: Any
        match self.kind:
            case "fixed":
                value = np.array(self.value)
                return value if value.dtype.kind in "bi" else value.astype(dtype)
            case "integers":
                return rng.integers(0, self.high, self.shape)
            case "truths":
                return np.asarray(rng.random(self.shape) < 0.5)
            case "complex":
                parts = rng.standard_normal((2, *self.shape)).astype(dtype)
                return parts[0] + 1j * parts[1]
            case "normal":
                values = rng.standard_normal(self.shape)
            case "uniform":
                values = rng.random(self.shape)
            case "distinct":  # all differ by at least 0.1: max and sort have one derivative there
                count = int(np.prod(self.shape))
                values = 0.1 * rng.permutation(count).reshape(self.shape)
        return np.asarray(self.scale * values + self.shift, dtype)


class Sample:
    """Operands in the op's order, and attributes."""

    def __init__(self, *operands: Draw, **attributes: Any) -> None:
        self.operands = operands
        self.attributes = attributes

    def __repr__(self) -> str:
        parts = [
            f"{d.kind}{d.shape}{'' if d.scale == 1 else f'*{d.scale:g}'}" for d in self.operands
        ]
        return ",".join([*parts, *(f"{k}={v}" for k, v in self.attributes.items())])


def normal(*shape: int) -> Draw:
    """Standard normal numbers."""
    return Draw("normal", shape)


def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Draw:
    """Even numbers from [low, high)."""
    return Draw("uniform", shape, scale=high - low, shift=low)


def distinct(*shape: int) -> Draw:
    """Numbers of which no two are closer than 0.1."""
    return Draw("distinct", shape)


def integers(high: int, *shape: int) -> Draw:
    """Whole numbers from 0 to high - 1."""
    return Draw("integers", shape, high=high)


def complex_normal(*shape: int) -> Draw:
    """Complex numbers of which both parts are standard normal."""
    return Draw("complex", shape)


def truths(*shape: int) -> Draw:
    """Truth values, even chances."""
    return Draw("truths", shape)


def fixed(value: Any) -> Draw:
    """These very numbers."""
    return Draw("fixed", np.shape(value), value=value)


def elementwise_samples(
    operands: int,
    domain: tuple[float, float],
    extremes: tuple[float, ...],
    conditions: Sequence[int],
) -> tuple[Sample, ...]:
    """Equal shapes, each way of broadcasting, empty, scalar, and every extreme value."""
    low, high = domain

    def draw(*shape: int) -> Draw:
        return uniform(*shape, low=low, high=high)

    def operand(place: int, shape: tuple[int, ...]) -> Draw:
        return truths(*shape) if place in conditions else draw(*shape)

    shapes: list[tuple[tuple[int, ...], ...]] = [((3, 4),) * operands, ((),) * operands]
    shapes.append(((0, 3),) * operands)
    if operands == 2:
        shapes += [((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 3, 4), (3, 1))]
    if operands == 3:
        shapes += [((3, 4), (4,), ()), ((3, 1), (1, 4), (2, 1, 1))]
    samples = [Sample(*(operand(i, shape) for i, shape in enumerate(each))) for each in shapes]
    for value in extremes:
        for place in range(min(operands, 2)):
            if place not in conditions:
                each = [operand(i, (2,)) for i in range(operands)]
                each[place] = fixed([value, value])
                samples.append(Sample(*each))
    return tuple(samples)
