"""AzuraForge and PyTorch under the same words, so that a model is written once for both."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

import azuraforge
from azuraforge.engine.device import Array
from azuraforge.engine.threads import set_threads, threads
from azuraforge.errors import ConfigError


@dataclass(frozen=True)
class Library:
    """`nn`, `functional` and `optim` are the library's own; the rest is where names differ."""

    name: str
    nn: Any
    functional: Any
    optim: Any
    optimizer_options: dict[str, Any]
    tensor: Callable[[Array], Any]
    without_gradients: Callable[[], AbstractContextManager[Any]]
    manual_seed: Callable[[int], Any]
    set_threads: Callable[[int], Any]
    threads: Callable[[], int]
    frozen: Callable[[Any, Any], Any] = lambda model, sample: model  # the model, for inference
    prepare: Callable[[Any], Any] = lambda model: model  # the model as it is to be timed


def ours() -> Library:
    """AzuraForge."""
    return Library(
        name=f"azuraforge {azuraforge.__version__}",
        nn=azuraforge.nn,
        functional=azuraforge.nn.functional,
        optim=azuraforge.optim,
        optimizer_options={},
        tensor=azuraforge.Tensor,
        without_gradients=azuraforge.no_grad,
        manual_seed=azuraforge.manual_seed,
        set_threads=set_threads,
        threads=threads,
        frozen=azuraforge.freeze,
    )


def peer() -> Library:
    """PyTorch, eager, with its fused optimizers. Raises: ConfigError if it is not installed."""
    if find_spec("torch") is None:
        raise ConfigError("benchmarks: PyTorch, the peer, is not installed; run `make peers`")
    import torch  # here: 2 s, and a table of old results needs none of it

    return Library(
        name=f"torch {torch.__version__}",
        nn=torch.nn,
        functional=torch.nn.functional,
        optim=torch.optim,
        optimizer_options={"fused": True},
        tensor=torch.from_numpy,
        without_gradients=torch.inference_mode,
        manual_seed=torch.manual_seed,
        set_threads=torch.set_num_threads,
        threads=torch.get_num_threads,
    )


def compiled(peer: Library) -> Library:
    """PyTorch with its models compiled."""
    import torch  # here: as above

    return replace(peer, name=f"{peer.name} compiled", prepare=torch.compile)


def absent_of(library: Library, error: AttributeError) -> str | None:
    """The name that the library itself does not have; None if the error is about something else."""
    for place in ("nn", "functional", "optim"):
        if error.obj is getattr(library, place):
            return f"{place}.{error.name}"
    return None


def numpy_state(model: Any) -> dict[str, Array]:
    """Copies of the weights of a PyTorch model, by key."""
    return {key: np.array(value.numpy()) for key, value in model.state_dict().items()}
