from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from azuraforge.actors.predictor import Predictor, PredictorOnDemand
from azuraforge.actors.resolve import examples
from azuraforge.actors.training.trainer import Trainer
from azuraforge.errors import ConfigError, DataError, NotFoundError, ShapeError
from azuraforge.schema.events import RunFinished
from azuraforge.schema.records import ModelVersion, PredictRequest
from azuraforge.schema.specs import RunSpec
from azuraforge.store.blobs import MemoryBlobs
from azuraforge.store.tensors import decode, encode

SPEC = RunSpec(plugin="tiny")


def trained(blobs: MemoryBlobs) -> ModelVersion:
    trainer = Trainer(SPEC, blobs=blobs)
    *_, finished = trainer
    assert isinstance(finished, RunFinished)
    return ModelVersion(
        name="tiny",
        version=3,
        run="r",
        plugin="tiny",
        config=trainer.spec.config,
        weights=finished.weights,
        monitor="loss",
        mode="min",
        validation=finished.validation,
        test=finished.test,
        created_at=0.0,
    )


def test_a_restored_model_predicts_what_its_weights_say() -> None:
    blobs = MemoryBlobs()
    version = trained(blobs)
    weights, _ = decode(blobs.get(version.weights))

    reply = Predictor(version, blobs).predict(PredictRequest(inputs=[[1.0, 2.0], [0.5, -1.0]]))

    x = np.array([[1.0, 2.0], [0.5, -1.0]], np.float32)  # no dropout: the plain line
    hidden = x @ weights["line.0.weight"].T + weights["line.0.bias"]
    expected = hidden @ weights["line.2.weight"].T + weights["line.2.bias"]
    assert (reply.model, reply.version) == ("tiny", 3)
    assert [one["y"] for one in reply.predictions] == pytest.approx(expected[:, 0], rel=1e-6)


def test_a_prediction_has_the_state_that_training_left() -> None:
    blobs = MemoryBlobs()

    reply = Predictor(trained(blobs), blobs).predict(PredictRequest(inputs=[[0, 0]]))

    assert reply.predictions[0]["unit"] == "m"


def test_a_model_predicts_rows_it_was_not_trained_on() -> None:
    blobs = MemoryBlobs()
    version = trained(blobs)
    unseen = examples(SPEC, 12)

    request = PredictRequest(inputs=[one.input for one in unseen])
    reply = Predictor(version, blobs).predict(request)

    pairs = zip(reply.predictions, unseen, strict=True)
    squares = [(predicted["y"] - one.truth) ** 2 for predicted, one in pairs]
    assert np.mean(squares) == pytest.approx(version.test["loss"], rel=1e-5)


def test_an_input_that_does_not_fit_is_refused() -> None:
    blobs = MemoryBlobs()
    predictor = Predictor(trained(blobs), blobs)

    with pytest.raises(DataError, match=r"\(1, 3\); allowed: \(count, 2\)"):
        predictor.predict(PredictRequest(inputs=[[1, 2, 3]]))


def test_a_model_whose_weights_are_gone_is_not_found() -> None:
    version = trained(MemoryBlobs())

    with pytest.raises(NotFoundError):
        Predictor(version, MemoryBlobs())


def test_a_model_whose_plugin_is_gone_is_not_found() -> None:
    blobs = MemoryBlobs()
    version = structs.replace(trained(blobs), plugin="gone")

    with pytest.raises(NotFoundError, match="gone"):
        Predictor(version, blobs)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"line.0.weight": np.zeros((9, 2), np.float32)}, ShapeError),
        ({"new": np.zeros(1)}, ConfigError),
    ],
)
def test_weights_that_no_longer_fit_the_plugin_are_refused(
    change: dict[str, np.ndarray], error: type[Exception]
) -> None:
    blobs = MemoryBlobs()
    version = trained(blobs)
    weights, metadata = decode(blobs.get(version.weights))
    other = blobs.put(encode({**weights, **change}, metadata))

    with pytest.raises(error):
        Predictor(structs.replace(version, weights=other), blobs)


def test_a_predictor_on_demand_is_restored_by_its_first_call() -> None:
    blobs = MemoryBlobs()
    version = trained(blobs)
    missing = MemoryBlobs()
    predictor = PredictorOnDemand(version, missing)
    request = PredictRequest(inputs=[[1, 1]])

    with pytest.raises(NotFoundError):
        predictor.predict(request)
    missing.put(blobs.get(version.weights))

    assert predictor.predict(request) == Predictor(version, blobs).predict(request)
