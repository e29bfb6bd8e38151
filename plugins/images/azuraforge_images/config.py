"""What can be set, and the defaults; one set of them serves both datasets."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from azuraforge.schema.config import LIVE, OptimizerConfig, PluginConfig, TrainingConfig

EPOCHS = {"digits": 50, "mnist": 5}  # 1,258 images need more passes than 55,000


class DataConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which images."""

    name: Annotated[
        Literal["digits", "mnist"],
        Meta(description="digits: 1,797 images of 8x8, built in; mnist: 70,000 of 28x28"),
    ] = "digits"


class ModelConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The size of the network."""

    channels: Annotated[
        int, Meta(ge=1, le=512, description="filters of the first convolution; the second has 2x")
    ] = 16
    hidden: Annotated[int, Meta(ge=1, le=8192, description="units of the hidden layer")] = 128
    dropout: Annotated[
        float,
        Meta(ge=0, lt=1, description="share of inputs of a linear layer set to zero", extra=LIVE),
    ] = 0.25


class ImagesTrainingConfig(TrainingConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As every plugin's, with a number of epochs that fits the images."""

    epochs: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="passes over the training set; 0: 50 for digits, 5 for mnist",
            extra=LIVE,
        ),
    ] = 0


class ImagesConfig(PluginConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The config of the plugin; `training.epochs` is never 0 in one that was made."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    optim: OptimizerConfig = OptimizerConfig(lr=2e-3)
    training: ImagesTrainingConfig = ImagesTrainingConfig(batch_size=128)

    def __post_init__(self) -> None:
        if self.training.epochs == 0:
            training = structs.replace(self.training, epochs=EPOCHS[self.data.name])
            structs.force_setattr(self, "training", training)
