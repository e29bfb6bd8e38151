"""The task made of a text, and predictions: what the model writes behind a prompt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azuraforge.engine import Tensor
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.device import Array
from azuraforge.engine.nn import Module
from azuraforge.engine.nn import functional as F
from azuraforge.engine.random import Generator, using
from azuraforge.plugin import Example, Task
from azuraforge_text.config import TextConfig
from azuraforge_text.corpus import UNKNOWN, Vocabulary, split, windows
from azuraforge_text.sources import read
from azuraforge_text.transformer import Transformer
from azuraforge_text.writing import request_of, write

EXAMPLE = 32  # characters of an example's prompt, and of what follows it


class TextPlugin:
    """Text written character by character by a small transformer."""

    name = "text"
    summary = "write text character by character with a small transformer (tiny-shakespeare, files)"
    version = version("azuraforge-text")
    config = TextConfig

    def build(self, config: TextConfig, generator: Generator) -> Task:
        """The task: the text cut by position, and each part into windows.

        Raises: DataError.
        """
        parts = split(read(config.data), config.data)
        vocabulary = Vocabulary.of(parts.train)
        state = {"characters": vocabulary.characters}
        train, validation, test = (
            TensorDataset(*windows(vocabulary.encode(text), config.model.context, name))
            for name, text in parts._asdict().items()
        )
        with using(generator.child("weights")):
            model = self.model(config, state)
        return Task(
            name="text" if config.data.path else config.data.name,
            model=model,
            train=train,
            validation=validation,
            test=test,
            loss=mean_loss,
            metrics=metrics,
            monitor="loss",
            mode="min",
            state=state,
            live={"model.dropout": model.set_dropout},
            unit="windows",
        )

    def model(self, config: TextConfig, state: Mapping[str, Any]) -> Transformer:
        """The network for the characters of the training part."""
        return Transformer(len(Vocabulary(state["characters"])), config.model)

    def predict(
        self, model: Module, config: TextConfig, state: Mapping[str, Any], inputs: Sequence[Any]
    ) -> list[dict[str, Any]]:
        """What the model writes behind each prompt, and the prompt.

        Raises: DataError naming the first input that is no request, and what is allowed.
        """
        vocabulary = Vocabulary(state["characters"])
        requests = [request_of(value, i, vocabulary) for i, value in enumerate(inputs)]
        model.eval()
        return [
            {"text": write(model, vocabulary, request), "prompt": request.prompt}
            for request in requests
        ]

    def examples(self, config: TextConfig, generator: Generator, count: int) -> list[Example]:
        """Prompts out of the test part whose characters are all known, and what follows there."""
        parts = split(read(config.data), config.data)
        vocabulary = Vocabulary.of(parts.train)
        rows = windows(vocabulary.encode(parts.test), 2 * EXAMPLE, "test").x
        (known,) = np.nonzero((rows != UNKNOWN).all(axis=1))
        chosen = known[generator.child("examples").permutation(len(known))[:count]]
        return [_example(vocabulary.decode(row)) for row in rows[chosen].tolist()]


def mean_loss(logits: Tensor, following: Array) -> Tensor:
    """Mean cross-entropy of the characters that follow, in nats."""
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), following.reshape(-1))


def metrics(logits: NDArray[np.float32], rows: TensorDataset) -> dict[str, float]:
    """The mean cross-entropy in bits; 2 to the power of it is the perplexity."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    own = np.take_along_axis(shifted, rows.arrays[1][..., None], -1)[..., 0]
    nats = np.log(np.exp(shifted).sum(axis=-1)) - own
    return {"bits_per_character": float(nats.mean(dtype=np.float64)) / math.log(2)}


def _example(text: str) -> Example:
    request = {"prompt": text[:EXAMPLE], "length": EXAMPLE}
    return Example(input=request, truth=text[EXAMPLE:])
