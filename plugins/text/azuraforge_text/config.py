"""What can be set, and the defaults; one set of them serves every text."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, structs

from azuraforge.schema.config import (
    LIVE,
    OptimizerConfig,
    PluginConfig,
    ScheduleConfig,
    TrainingConfig,
)

EPOCHS = {"shakespeare": 2, "coriolanus": 20}  # 13,942 and 624 windows
EPOCHS_OF_A_FILE = 10


class DataConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which text, and how it is cut: training, validation and test part, in this order."""

    name: Annotated[
        Literal["shakespeare", "coriolanus"],
        Meta(description="shakespeare: 1.1 million characters; coriolanus: 50,000, built in"),
    ] = "shakespeare"
    path: (
        Annotated[str, Meta(min_length=1, description="a text in UTF-8, instead of one by name")]
        | None
    ) = None
    validation: Annotated[
        float, Meta(gt=0, lt=0.5, description="share of the text, before the test part")
    ] = 0.1
    test: Annotated[float, Meta(gt=0, lt=0.5, description="share of the text, its end")] = 0.1


class ModelConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The size of the network."""

    layers: Annotated[int, Meta(ge=1, le=64, description="blocks of attention and MLP")] = 4
    heads: Annotated[int, Meta(ge=1, le=64, description="heads of attention in a block")] = 4
    width: Annotated[
        int, Meta(ge=2, le=8192, description="numbers per character; heads share them evenly")
    ] = 128
    context: Annotated[
        int, Meta(ge=2, le=8192, description="characters looked back at, itself included")
    ] = 64
    dropout: Annotated[
        float,
        Meta(ge=0, lt=1, description="share of what a block adds that is set to zero", extra=LIVE),
    ] = 0.0

    def __post_init__(self) -> None:
        if self.width % (2 * self.heads):
            raise ValueError(
                f"model.width is {self.width}; allowed with {self.heads} heads: a multiple of "
                f"{2 * self.heads}"
            )


class TextTrainingConfig(TrainingConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As every plugin's, with a number of epochs that fits the text."""

    epochs: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="passes over the training part; 0: 2 for shakespeare, 20 for coriolanus, "
            "10 for a file",
            extra=LIVE,
        ),
    ] = 0


class TextConfig(PluginConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The config of the plugin; `training.epochs` is never 0 in one that was made."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    optim: OptimizerConfig = OptimizerConfig(name="adamw", lr=3e-3)
    schedule: ScheduleConfig = ScheduleConfig(name="cosine", warmup_steps=100, min_factor=0.05)
    training: TextTrainingConfig = TextTrainingConfig(batch_size=16, clip_norm=1.0)

    def __post_init__(self) -> None:
        if self.training.epochs == 0:
            epochs = EPOCHS[self.data.name] if self.data.path is None else EPOCHS_OF_A_FILE
            training = structs.replace(self.training, epochs=epochs)
            structs.force_setattr(self, "training", training)
