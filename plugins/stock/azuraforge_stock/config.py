"""What can be set, and the defaults."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from azuraforge.schema.config import LIVE, PluginConfig, TrainingConfig


class DataConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rows and columns, and how they are cut into samples and splits."""

    path: Annotated[str, Meta(min_length=1, description="CSV file with a header, oldest row first")]
    date: Annotated[str, Meta(min_length=1, description="column of the dates")] = "Date"
    target: Annotated[str, Meta(min_length=1, description="column to forecast")] = "Close"
    features: Annotated[
        tuple[str, ...], Meta(min_length=1, description="columns to forecast from, as JSON")
    ] = ("Open", "High", "Low", "Close", "Volume")
    window: Annotated[int, Meta(ge=2, le=10_000, description="rows a forecast looks at")] = 30
    horizon: Annotated[int, Meta(ge=1, le=1_000, description="rows ahead that are forecast")] = 1
    validation: Annotated[
        float, Meta(gt=0, lt=0.5, description="share of the rows, before the test rows")
    ] = 0.15
    test: Annotated[float, Meta(gt=0, lt=0.5, description="share of the rows, the last ones")] = (
        0.15
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read: the features, and the target where it is none of them."""
        return tuple(dict.fromkeys((*self.features, self.target)))


class ModelConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The size of the network."""

    hidden: Annotated[int, Meta(ge=1, le=4096, description="units of each LSTM layer")] = 32
    layers: Annotated[int, Meta(ge=1, le=16, description="LSTM layers")] = 1
    dropout: Annotated[
        float,
        Meta(ge=0, lt=1, description="share of the last layer's outputs set to zero", extra=LIVE),
    ] = 0.1


class StockConfig(PluginConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The config of the plugin."""

    data: DataConfig
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig(epochs=20, batch_size=32)
