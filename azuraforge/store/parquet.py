"""Rows as Parquet files, written by DuckDB from arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

MICROSECONDS = 1e6


def write(path: Path, columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Make the file of these rows, whole or not at all; columns are names and SQL types."""
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = {
        name: _array(column, kind)
        for (name, kind), column in zip(columns.items(), values, strict=True)
    }
    chosen = ", ".join(f"{_sql(name, kind)} as {name}" for name, kind in columns.items())
    part = path.with_name(f".{path.name}.part")
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("set pandas_analyze_sample = 0")  # objects are texts, whatever is first
        connection.register("given", arrays)
        connection.execute(
            f"copy (select {chosen} from given) to $path (format parquet, compression zstd)",
            {"path": str(part)},
        )
    os.replace(part, path)


def _array(values: Sequence[Any], kind: str) -> NDArray[Any]:
    """The column as DuckDB takes it: whole numbers of which some are absent as text."""
    if kind == "DOUBLE":
        return np.array([np.nan if v is None else v for v in values], np.float64)
    if kind == "TIMESTAMP":
        values = [None if v is None else round(v * MICROSECONDS) for v in values]
    if kind in ("BIGINT", "TIMESTAMP") and None not in values:
        return np.array(values, np.int64)
    texts = np.empty(len(values), object)
    texts[:] = [v if v is None or isinstance(v, str) else str(v) for v in values]
    return texts


def _sql(name: str, kind: str) -> str:
    return f"make_timestamp({name}::bigint)" if kind == "TIMESTAMP" else f"{name}::{kind}"
