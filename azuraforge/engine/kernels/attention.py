"""Attention in float32 on the CPU: tiles of keys by queries that stay in the first-level cache.

               queries →            QUERIES of them, one to a lane of vectors;
           ┌──────────────┐         their keys pass by, KEYS at a time, so that
    keys ↓ │ k qᵀ         │ ↓       maxima and sums over keys are of whole vectors
           └──────────────┘

The softmax runs along: what was summed so far is corrected where a larger score comes. No matrix of
all scores is kept; backward makes the weights again from the logsumexp of each query.
Source: Dao et al. (2022), FlashAttention.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array
from azuraforge.engine.kernels import elementary
from azuraforge.engine.kernels.compile import part
from azuraforge.engine.kernels.formulas import exp
from azuraforge.engine.kernels.lanes import Value, fma, over_rows, where
from azuraforge.engine.kernels.memory import address, floats
from azuraforge.engine.kernels.product import PRODUCT, product
from azuraforge.engine.kernels.split import run, task, unpacked
from azuraforge.engine.kernels.turn import turn
from azuraforge.engine.replay import tape
from azuraforge.engine.threads import threads

QUERIES, KEYS = 32, 64
LINES = 5  # of numbers, one for each query of a tile
SIZES, PLACES = 8, 11  # where in a job the addresses begin, and the places of arrays
SIZE = 4  # bytes of a float32
CACHE_LINE = 64  # bytes
F = np.float32
ZERO, ONE, INFINITY = F(0), F(1), F(np.inf)


def heads_last(xp: Any, arrays: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """An array (…, heads, time, width) that lies in memory as (…, time, heads, width).

    So the layers before and behind have it, and need no copy.
    """
    if len(shape) < 3:
        return tape.empty(np, shape, dtype)
    *batch, heads, time, width = shape
    return tape.empty(np, (*batch, time, heads, width), dtype).swapaxes(-2, -3)


NOTES = True
ORDERS = dict.fromkeys(("y", "gq", "gk", "gv"), heads_last)


def accepts(q: Array, k: Array, v: Array, **settings: Any) -> bool:
    """Whether all are float32 arrays on the CPU, not empty, with two axes before time at most."""
    return all(
        isinstance(x, np.ndarray) and x.dtype == F and x.flags.aligned and x.ndim <= 4 and x.size
        for x in (q, k, v)
    )


def forward(
    xp: Any, q: Array, k: Array, v: Array, y: Array, _lse: Array,
    is_causal: bool, scale: float | None,
) -> None:  # fmt: skip
    _run(_attend, [_rows(q), _rows(k), _rows(v), y], _lse, is_causal, scale)


def _gradient(
    xp: Any, g: Array, q: Array, k: Array, v: Array, y: Array, _lse: Array,
    is_causal: bool, scale: float | None, gq: Array | None, gk: Array | None, gv: Array | None,
) -> None:  # fmt: skip
    wanted = ((gq, q), (gk, k), (gv, v))
    made = [tape.empty(np, x.shape, F) if gx is None else gx for gx, x in wanted]
    arrays = [_rows(x) for x in (q, k, v, y, g)]
    _run(_attend_back, [*arrays, *made], _lse, is_causal, scale)


gradients = {("q", "k", "v"): _gradient}


def _run(
    function: Any, arrays: list[Array], lse: Array, is_causal: bool, scale: float | None
) -> None:
    """Share the heads out to threads; all of a head is computed by one, in one order."""
    q, k, v = arrays[:3]
    inner = q.shape[-3] if q.ndim > 2 else 1
    heads = math.prod(q.shape[:-2])
    width, outputs = q.shape[-1], v.shape[-1]
    count = min(threads(), heads)
    factor = np.array([1 / math.sqrt(width) if scale is None else scale], F)
    lines = 2 * KEYS + LINES + width + 2 * outputs
    scratch = tape.empty(np, [count * lines * QUERIES + CACHE_LINE // SIZE], F)
    begin = -(-address(scratch) // CACHE_LINE) * CACHE_LINE
    sizes = (inner, heads, q.shape[-2], k.shape[-2], width, outputs, is_causal)
    places = [number for x in arrays for number in _place(x)]
    tape.keep(*arrays, lse, factor, scratch)
    run(function, count, PRODUCT, *sizes, address(factor), address(lse), begin, *places)


def _rows(x: Array) -> Array:
    """The array with the numbers of a row side by side."""
    fits = x.strides[-1] == SIZE or x.shape[-1] == 1
    return x if fits else tape.compute(np.ascontiguousarray, x)


def _place(x: Array) -> tuple[int, int, int, int]:
    """Address; distances in floats along the outer axis, along the inner, and of rows."""
    *before, row, _ = (stride // SIZE for stride in x.strides)
    outer, inner = (0, 0, *before)[-2:]
    return address(x), outer, inner, row


@part
def _head(job, which, head, inner):  # type: ignore[no-untyped-def]
    """Where the rows of a head begin in one of the arrays, and how far apart they are."""
    begin, far, near, row = unpacked(job + 8 * (PLACES + 4 * which), 4)
    return begin + SIZE * (head // inner * far + head % inner * near), row


@part
def _scratch(begin, number, columns):  # type: ignore[no-untyped-def]
    """A thread's own memory: two tiles, a few lines, and where there is room for `columns` more."""
    tiles = begin + SIZE * QUERIES * number * (2 * KEYS + LINES + columns)
    lines = tiles + SIZE * QUERIES * 2 * KEYS
    return (
        floats(tiles, (2, KEYS, QUERIES)),
        floats(lines, (LINES, QUERIES)),
        lines + SIZE * QUERIES * LINES,
    )


@part
def _addresses(lines):  # type: ignore[no-untyped-def]
    one, step = lines.ctypes.data, SIZE * QUERIES
    return one, one + step, one + 2 * step, one + 3 * step, one + 4 * step


def _seen(score: Value, key: Value, query: Value) -> Value:
    """The score; -inf where the key comes after its query."""
    return where(query < key, -math.inf, score)


def _highest(score: Value, line_key: Value, line_top: Value, line_query: Value) -> Sequence[Value]:
    """Scores, of keys that are seen, and the largest so far."""
    score = _seen(score, line_key, line_query)
    return score, line_key + 1, where(score > line_top, score, line_top)


def _weigh(score: Value, line_total: Value, line_top: Value) -> Sequence[Value]:
    """Scores to exp(score - largest so far), and their sums."""
    weight = exp(score - line_top)
    return weight, line_total + weight


def _weigh_back(
    p: Value, gs: Value, line_key: Value, line_query: Value, line_lse: Value, line_shared: Value,
    line_factor: Value,
) -> Sequence[Value]:  # fmt: skip
    """Scores to weights p, and from the gradients of these to gs, those of the scores."""
    p = exp(_seen(p, line_key, line_query) - line_lse)
    return p, p * (gs - line_shared) * line_factor, line_key + 1


def _product_sum(x: Value, y: Value, line_total: Value) -> Sequence[Value | None]:
    return None, None, fma(x, y, line_total)


highest = over_rows(_highest, QUERIES, carried=2)
weigh = over_rows(_weigh, QUERIES, carried=1)
weigh_back = over_rows(_weigh_back, QUERIES, carried=1)
product_sum = over_rows(_product_sum, QUERIES, carried=1)


@part
def _scale(y, row, rows, columns, factors):  # type: ignore[no-untyped-def]
    """Multiply each row of y by its factor."""
    for i in range(rows):
        line, factor = floats(y + SIZE * i * row, columns), factors[i]
        for d in range(columns):
            line[d] *= factor


@part
def _clear(y, row, rows, columns):  # type: ignore[no-untyped-def]
    for i in range(rows):
        line = floats(y + SIZE * i * row, columns)
        for d in range(columns):
            line[d] = ZERO


@task
def _attend(job, number, count):  # type: ignore[no-untyped-def]
    at, inner, heads, time, keys, width, outputs, is_causal = unpacked(job, SIZES)
    factor_at, lse_at, scratch_at = unpacked(job + 8 * SIZES, 3)
    factor = floats(factor_at, 1)[0]
    tiles, lines, turned_at = _scratch(scratch_at, number, width)
    top, new_top, total, places, seen_by = lines[0], lines[1], lines[2], lines[3], lines[4]
    scores_at = tiles.ctypes.data
    _, top_at, total_at, key_at, query_at = _addresses(lines)
    turned = floats(turned_at, (width, QUERIES))
    for head in range(heads * number // count, heads * (number + 1) // count):
        q, q_row = _head(job, 0, head, inner)
        k, k_row = _head(job, 1, head, inner)
        v, v_row = _head(job, 2, head, inner)
        y, y_row = _head(job, 3, head, inner)
        lse = floats(lse_at + SIZE * head * time, time)
        for query in range(0, time, QUERIES):
            rows = min(QUERIES, time - query)
            turn(rows, width, q + SIZE * query * q_row, q_row, turned_at, QUERIES)
            for d in range(width):
                for i in range(QUERIES):
                    turned[d, i] *= factor
            y_i = y + SIZE * query * y_row
            for i in range(QUERIES):
                top[i], total[i] = -INFINITY, ZERO
                seen_by[i] = F(query + i) if is_causal else INFINITY
            seen = min(keys, query + rows) if is_causal else keys
            for key in range(0, seen, KEYS):
                many = min(KEYS, seen - key)
                product(
                    at, many, QUERIES, width, k + SIZE * key * k_row, k_row, 1,
                    turned_at, QUERIES, scores_at, QUERIES, 0, 0, -INFINITY,
                )  # fmt: skip
                for i in range(QUERIES):
                    places[i], new_top[i] = F(key), top[i]
                highest(many, scores_at, key_at, top_at, query_at)
                for i in range(QUERIES):
                    top[i] = elementary.exp(top[i] - new_top[i])
                    total[i] *= top[i]
                weigh(many, scores_at, total_at, top_at)
                if key:
                    _scale(y_i, y_row, rows, outputs, top)
                for i in range(QUERIES):
                    top[i] = new_top[i]
                first, first_row = (y_i, y_row) if key else (0, 0)
                product(
                    at, rows, outputs, many, scores_at, 1, QUERIES,
                    v + SIZE * key * v_row, v_row, y_i, y_row, first, first_row, -INFINITY,
                )  # fmt: skip
            for i in range(QUERIES):
                new_top[i] = top[i] + elementary.log(total[i])
                total[i] = ONE / total[i]
            _scale(y_i, y_row, rows, outputs, total)
            for i in range(rows):
                lse[query + i] = new_top[i]


@task
def _attend_back(job, number, count):  # type: ignore[no-untyped-def]
    """gq = gs k, gk = gsᵀ q, gv = pᵀ g with the weights p and gs = p (g vᵀ - Σ g y) scale."""
    at, inner, heads, time, keys, width, outputs, is_causal = unpacked(job, SIZES)
    factor_at, kept_at, scratch_at = unpacked(job + 8 * SIZES, 3)
    factor = floats(factor_at, 1)[0]
    tiles, lines, q_at = _scratch(scratch_at, number, width + 2 * outputs)
    g_at = q_at + SIZE * QUERIES * width
    y_at = g_at + SIZE * QUERIES * outputs
    lse, shared, places, seen_by, factors = lines[0], lines[1], lines[2], lines[3], lines[4]
    p_at, gs_at = tiles[0].ctypes.data, tiles[1].ctypes.data
    lse_at, shared_at, key_at, query_at, factors_at = _addresses(lines)
    q_turned = floats(q_at, (width, QUERIES))
    factors[:] = factor
    for head in range(heads * number // count, heads * (number + 1) // count):
        q, q_row = _head(job, 0, head, inner)
        k, k_row = _head(job, 1, head, inner)
        v, v_row = _head(job, 2, head, inner)
        y, y_row = _head(job, 3, head, inner)
        g, g_row = _head(job, 4, head, inner)
        gq, gq_row = _head(job, 5, head, inner)
        gk, gk_row = _head(job, 6, head, inner)
        gv, gv_row = _head(job, 7, head, inner)
        kept = floats(kept_at + SIZE * head * time, time)
        last = (time - 1) // QUERIES * QUERIES
        seen = min(keys, time) if is_causal else keys
        _clear(gk + SIZE * seen * gk_row, gk_row, keys - seen, width)
        _clear(gv + SIZE * seen * gv_row, gv_row, keys - seen, outputs)
        for query in range(last, -1, -QUERIES):  # the last first: it sees the most keys
            rows = min(QUERIES, time - query)
            q_i, g_i = q + SIZE * query * q_row, g + SIZE * query * g_row
            gq_i = gq + SIZE * query * gq_row
            turn(rows, width, q_i, q_row, q_at, QUERIES)
            turn(rows, outputs, g_i, g_row, g_at, QUERIES)
            turn(rows, outputs, y + SIZE * query * y_row, y_row, y_at, QUERIES)
            for d in range(width):
                for i in range(QUERIES):
                    q_turned[d, i] *= factor
            for i in range(QUERIES):
                shared[i] = ZERO
                lse[i] = kept[query + i] if i < rows else ZERO
                seen_by[i] = F(query + i) if is_causal else INFINITY
            product_sum(outputs, g_at, y_at, shared_at)
            seen = min(keys, query + rows) if is_causal else keys
            for key in range(0, seen, KEYS):
                many = min(KEYS, seen - key)
                k_j, v_j = k + SIZE * key * k_row, v + SIZE * key * v_row
                gk_j, gv_j = gk + SIZE * key * gk_row, gv + SIZE * key * gv_row
                product(
                    at, many, QUERIES, width, k_j, k_row, 1,
                    q_at, QUERIES, p_at, QUERIES, 0, 0, -INFINITY,
                )  # fmt: skip
                product(
                    at, many, QUERIES, outputs, v_j, v_row, 1,
                    g_at, QUERIES, gs_at, QUERIES, 0, 0, -INFINITY,
                )  # fmt: skip
                for i in range(QUERIES):
                    places[i] = F(key)
                weigh_back(many, p_at, gs_at, key_at, query_at, lse_at, shared_at, factors_at)
                first, first_row = (gq_i, gq_row) if key else (0, 0)
                product(
                    at, rows, width, many, gs_at, 1, QUERIES,
                    k_j, k_row, gq_i, gq_row, first, first_row, -INFINITY,
                )  # fmt: skip
                first, first_row = (gk_j, gk_row) if query < last else (0, 0)
                product(
                    at, many, width, rows, gs_at, QUERIES, 1,
                    q_i, q_row, gk_j, gk_row, first, first_row, -INFINITY,
                )  # fmt: skip
                first, first_row = (gv_j, gv_row) if query < last else (0, 0)
                product(
                    at, many, outputs, rows, p_at, QUERIES, 1,
                    g_i, g_row, gv_j, gv_row, first, first_row, -INFINITY,
                )  # fmt: skip
