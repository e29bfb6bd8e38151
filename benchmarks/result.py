"""What a measurement leaves behind: rows, and the machine they were measured on, as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.machine import Machine

Mode = Literal["eager", "replay", "inference"]
MODES: tuple[Mode, ...] = ("eager", "replay", "inference")

Range = tuple[float, float]


class Quartiles(msgspec.Struct, frozen=True, kw_only=True):
    """The first and the third."""

    ours_ms: Range
    peer_ms: Range
    ratio: Range


class Measured(msgspec.Struct, frozen=True, kw_only=True, tag="measured", tag_field="result"):
    """One row: medians per step, or per call in inference; ratio is peer / ours.

    `cpu_ratio` is that of CPU time; `difference` is the largest that the losses (inference: the
    outputs) had, relative; `cores` how many cores we and the peer kept busy; `waited` the part of
    the time that our threads waited for a core, None where the system does not say.
    """

    workload: str
    threads: int
    mode: Mode
    ours_ms: float
    peer: str
    peer_ms: float
    ratio: float
    cpu_ratio: float
    quartiles: Quartiles
    goal: float
    difference: float
    cores: Range
    waited: float | None
    is_disturbed: bool  # they waited too long, as other processes had the cores
    blocks: int
    tried: int  # blocks timed; those count in which nothing waited, if there are enough


class Unmeasured(msgspec.Struct, frozen=True, kw_only=True, tag="unmeasured", tag_field="result"):
    """A row without figures, and why: something is not there yet, or `is_wrong`."""

    workload: str
    threads: int
    mode: Mode
    peer: str
    why: str
    is_wrong: bool = False


Row = Measured | Unmeasured


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """A results file."""

    machine: Machine
    rows: list[Row]

    @classmethod
    def read(cls, path: Path) -> Results:
        """Raises: OSError; ValueError naming the file and what does not fit."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except msgspec.DecodeError as error:
            raise ValueError(f"{path}: no file of results: {error}") from None

    def write(self, path: Path) -> None:
        """A row per line, so that a change of a row is a change of a line."""
        encode = msgspec.json.encode
        rows = b",\n".join(encode(row) for row in self.rows)
        machine = encode(self.machine)
        path.write_bytes(b'{"machine":' + machine + b',\n"rows":[\n' + rows + b"\n]}\n")
