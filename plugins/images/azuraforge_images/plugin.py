"""The task made of the images, and predictions from raw pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from azuraforge.engine import Tensor, no_grad
from azuraforge.engine.data import TensorDataset
from azuraforge.engine.data.transforms import Normalize
from azuraforge.engine.device import put
from azuraforge.engine.nn import Module
from azuraforge.engine.nn import functional as F
from azuraforge.engine.random import Generator, using
from azuraforge.errors import DataError
from azuraforge.plugin import Example, Task
from azuraforge_images.cnn import cnn, set_dropout
from azuraforge_images.config import ImagesConfig
from azuraforge_images.sources import SOURCES, Labelled, Source, Splits


class ImagesPlugin:
    """Handwritten digits told apart by a small CNN."""

    name = "images"
    summary = "tell handwritten digits apart with a small CNN (digits built in, MNIST)"
    version = version("azuraforge-images")
    config = ImagesConfig

    def build(self, config: ImagesConfig, generator: Generator) -> Task:
        """The task: images scaled by the mean and spread of the training pixels.

        Raises: DataError if MNIST cannot be had.
        """
        splits = _split(config, generator)
        pixels = splits.train.images
        state = {"mean": float(pixels.mean()), "std": float(pixels.std())}
        train, validation, test = (_dataset(part, state) for part in splits)
        with using(generator.child("weights")):
            model = self.model(config, state)
        return Task(
            name=config.data.name,
            model=model,
            train=train,
            validation=validation,
            test=test,
            loss=F.cross_entropy,
            metrics=accuracy,
            monitor="loss",  # of ten seeds the worst gains 1 % over the best accuracy: fewer ties
            mode="min",
            state=state,
            live={"model.dropout": partial(set_dropout, model)},
            unit="images",
        )

    def model(self, config: ImagesConfig, state: Mapping[str, Any]) -> Module:
        """The network for the images of this config."""
        return cnn(SOURCES[config.data.name], config.model)

    def predict(
        self, model: Module, config: ImagesConfig, state: Mapping[str, Any], inputs: Sequence[Any]
    ) -> list[dict[str, Any]]:
        """The label of each image, its probability, and those of all labels.

        Raises: DataError naming the first input that is no image of raw pixels.
        """
        if not inputs:
            return []
        source = SOURCES[config.data.name]
        images = np.stack([_image(value, i, source) for i, value in enumerate(inputs)])
        device = next(model.parameters()).device
        model.eval()
        with no_grad():
            logits = model(Tensor(put(_scaled(images, state), device))).numpy()
        return [_prediction(row) for row in _softmax(logits)]

    def examples(self, config: ImagesConfig, generator: Generator, count: int) -> list[Example]:
        """Test images as raw pixels, and their labels."""
        test = _split(config, generator).test
        chosen = generator.child("examples").permutation(len(test.labels))[:count]
        return [
            Example(input=image.tolist(), truth=int(label))
            for image, label in zip(*test.rows(chosen), strict=True)
        ]


def accuracy(outputs: NDArray[np.float32], rows: TensorDataset) -> dict[str, float]:
    """The share of images whose largest output is that of their label."""
    return {"accuracy": float(np.mean(outputs.argmax(axis=1) == rows.arrays[1]))}


def _split(config: ImagesConfig, generator: Generator) -> Splits:
    return SOURCES[config.data.name].read(generator.child("split"))


def _dataset(part: Labelled, state: Mapping[str, float]) -> TensorDataset:
    return TensorDataset(_scaled(part.images, state), part.labels)


def _scaled(images: NDArray[Any], state: Mapping[str, float]) -> NDArray[np.float32]:
    """Shape: (n, side, side) -> (n, 1, side, side)"""
    normalize = Normalize([state["mean"]], [state["std"]])
    x: NDArray[np.float32] = normalize(images[:, None].astype(np.float32))
    return x


def _image(value: Any, index: int, source: Source) -> NDArray[np.float64]:
    side, brightest = source.side, source.brightest
    allowed = f"allowed: {side} rows of {side} numbers from 0 to {brightest}"
    try:
        image = np.asarray(value)
    except ValueError as error:
        raise DataError(f"input {index}: rows of unequal length; {allowed}") from error
    if image.shape != (side, side):
        raise DataError(f"input {index}: shape {image.shape}; {allowed}")
    if image.dtype.kind not in "iuf":
        raise DataError(f"input {index}: not all of it is numbers; {allowed}")
    wrong = ~((image >= 0) & (image <= brightest))  # also of NaN
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        raise DataError(
            f"input {index}: {image[row, column]} in row {row}, column {column}; {allowed}"
        )
    return image.astype(np.float64)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def _prediction(probabilities: NDArray[np.float64]) -> dict[str, Any]:
    label = int(probabilities.argmax())
    return {
        "label": label,
        "probability": float(probabilities[label]),
        "probabilities": probabilities.tolist(),
    }
