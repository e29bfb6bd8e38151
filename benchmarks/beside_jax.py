"""Rows beside JAX: the MLPs and LSTMs as someone who writes JAX writes them, one `jit` per step.

The step holds forward, gradients and Adam, and gives its buffers back to be written again. XLA
takes its number of threads when it starts, so a process has one for all rows.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import azuraforge
from azuraforge.engine.device import Array
from azuraforge.errors import AzuraForgeError, ConfigError
from benchmarks import library
from benchmarks.agreement import largest_loss_difference
from benchmarks.measure import measure_pair
from benchmarks.result import Row, Unmeasured
from benchmarks.training import Effort, check_threads, measured
from benchmarks.workload import Side, Workload

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def results(workloads: Sequence[Workload], threads: Sequence[int], effort: Effort) -> Iterator[Row]:
    """A row for each workload that is written here, in the mode `replay`.

    Raises: ConfigError if JAX is not installed, or is to have several numbers of threads.
    """
    if find_spec("jax") is None:
        raise ConfigError("benchmarks: JAX is not installed; pip install 'azuraforge[jax]'")
    if len(threads) != 1:
        raise ConfigError(f"--jax: got --threads {threads}; allowed: one, XLA's for the process")
    os.environ["NPROC"] = str(threads[0])  # what XLA takes for the number of cores
    import jax  # here: it must find that, and few have it

    for workload in workloads:
        if (output := _output(workload)) is not None:
            yield _row(workload, output, threads[0], f"jax {jax.__version__} jit", effort)


def _row(
    workload: Workload, output: Callable[..., Any], threads: int, peer: str, effort: Effort
) -> Row:
    ours = library.ours()
    ours.set_threads(threads)
    side = Side(ours, workload)
    theirs = training(workload, output, side.model.state_dict())
    mine = side.training(azuraforge.capture(side.train_step))
    try:
        difference = largest_loss_difference(
            mine, theirs, tolerance=workload.tolerance, steps=effort.steps
        )
        pair = measure_pair(
            mine,
            theirs,
            budget_s=effort.budget_s,
            patience_s=effort.patience_s,
            block_s=effort.block_s,
            least_blocks=effort.least_blocks,
        )
        check_threads(threads, (ours.threads(), threads), pair)
    except AzuraForgeError as error:
        return Unmeasured(
            workload=workload.name,
            threads=threads,
            mode="replay",
            peer=peer,
            why=f"{type(error).__name__}: {error}",
            is_wrong=True,
        )
    return measured(workload, threads, "replay", peer, difference, pair)


def _output(workload: Workload) -> Callable[..., Any] | None:
    """The model's output of its weights and x; None for a row that is not written here."""
    return {"mlp": mlp, "lstm": lstm}.get(workload.name.partition("-")[0])


def mlp(w: Mapping[str, Any], x: Any) -> Any:
    """Two layers with ReLU between them."""
    import jax

    hidden = jax.nn.relu(x @ w["0.weight"].T + w["0.bias"])
    return hidden @ w["2.weight"].T + w["2.bias"]


def lstm(w: Mapping[str, Any], x: Any) -> Any:
    """A scan over time, all products with the input before it; a linear head on the last step."""
    import jax
    import jax.numpy as jnp

    def step(state: Any, from_input: Any) -> Any:
        h, c = state
        gates = from_input + h @ w["recurrent.weight_hh_l0"].T
        i, f, g, o = jnp.split(gates, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    bias = w["recurrent.bias_ih_l0"] + w["recurrent.bias_hh_l0"]
    from_input = x.swapaxes(0, 1) @ w["recurrent.weight_ih_l0"].T + bias
    nothing = jnp.zeros((len(x), w["recurrent.weight_hh_l0"].shape[1]), x.dtype)
    (h, _), _ = jax.lax.scan(step, (nothing, nothing), from_input)
    return h @ w["head.weight"].T + w["head.bias"]


def _loss(y: Any, target: Any) -> Any:
    """Cross-entropy with classes, mean squared error with values."""
    import jax
    import jax.numpy as jnp

    if target.dtype.kind == "f":
        return ((y - target) ** 2).mean()
    return -jnp.take_along_axis(jax.nn.log_softmax(y), target[:, None], 1).mean()


def training(
    workload: Workload, output: Callable[..., Any], weights: Mapping[str, Array]
) -> Callable[[], Any]:
    """Training steps from these weights, on one batch after the other, without end."""
    import jax
    import jax.numpy as jnp

    def train_step(state: Any, x: Any, target: Any) -> Any:
        w, m, v, t = state
        loss, g = jax.value_and_grad(lambda w: _loss(output(w, x), target))(w)
        t = t + 1
        m = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, m, g)
        v = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, v, g)
        rate, root = workload.lr / (1 - BETA_1**t), jnp.sqrt(1 - BETA_2**t)
        w = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) / root + EPSILON), w, m, v)
        return (w, m, v, t), loss

    step = jax.jit(train_step, donate_argnums=0)
    w = {name: jnp.array(value) for name, value in weights.items()}
    m, v = (jax.tree.map(jnp.zeros_like, w) for _ in range(2))
    state = (w, m, v, jnp.zeros((), jnp.float32))
    turns = itertools.cycle([(jnp.array(x), jnp.array(y)) for x, y in workload.batches])

    def call() -> Any:
        nonlocal state
        state, loss = step(state, *next(turns))
        return loss.block_until_ready()

    return call
