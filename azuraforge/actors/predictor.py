"""The Predictor: a registered model, restored once, that answers."""

from __future__ import annotations

from azuraforge import plugin as plugins
from azuraforge.engine.replay.frozen import freeze
from azuraforge.schema.config import configure
from azuraforge.schema.records import ModelVersion, PredictReply, PredictRequest
from azuraforge.store.blobs import BlobStore
from azuraforge.store.tensors import decode


class Predictor:
    """Restores a model version from its blob and its plugin.

    Raises: NotFoundError, PluginError if the plugin or the blob is gone; ConfigError, ShapeError if
            the plugin has changed so that the weights no longer fit.
    """

    def __init__(self, version: ModelVersion, blobs: BlobStore) -> None:
        self.version = version
        self._plugin = plugins.load(version.plugin)
        weights, metadata = decode(blobs.get(version.weights))
        self._config = configure(self._plugin.config, version.config)
        self._state = metadata["state"]
        model = self._plugin.model(self._config, self._state)
        model.load_state_dict(weights)
        self._model = freeze(model)

    def predict(self, request: PredictRequest) -> PredictReply:
        """One prediction per input. Raises: DataError naming the input that does not fit."""
        found = self._plugin.predict(self._model, self._config, self._state, request.inputs)
        name, version = self.version.name, self.version.version
        return PredictReply(model=name, version=version, predictions=found)


class PredictorOnDemand:
    """A Predictor restored by its first call, so that what hinders it reaches whoever calls."""

    def __init__(self, version: ModelVersion, blobs: BlobStore) -> None:
        self._version = version
        self._blobs = blobs
        self._predictor: Predictor | None = None

    def predict(self, request: PredictRequest) -> PredictReply:
        """One prediction per input. Raises: what restoring raises; as Predictor.predict."""
        if self._predictor is None:
            self._predictor = Predictor(self._version, self._blobs)
        return self._predictor.predict(request)
