"""The loop that a spec asks for."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from azuraforge.engine.nn import Module
from azuraforge.engine.optim import SGD, Adam, AdamW, Optimizer
from azuraforge.engine.random import Generator
from azuraforge.engine.train import Loop, Schedule
from azuraforge.plugin import Task
from azuraforge.schema.config import OptimizerConfig, PluginConfig
from azuraforge.schema.specs import RunSpec


def new_loop(spec: RunSpec, config: PluginConfig, task: Task) -> Loop:
    """A loop over the task that has done nothing yet."""
    training = config.training
    return Loop(
        model=task.model.to(spec.device),
        optimizer=_optimizer(config.optim, task.model),
        loss=task.loss,
        metrics=task.metrics,
        train=task.train,
        validation=task.validation,
        monitor=task.monitor,
        mode=task.mode,
        epochs=training.epochs,
        batch_size=training.batch_size,
        generator=Generator(spec.seed).child("loop"),
        device=spec.device,
        precision=spec.precision,
        schedule=Schedule(**structs.asdict(config.schedule)),
        accumulate=training.accumulate,
        clip_norm=training.clip_norm,
        ema=training.ema,
        patience=training.patience,
        min_delta=training.min_delta,
        validate_every=training.validate_every,
        statistics_every=training.statistics_every,
    )


def _optimizer(config: OptimizerConfig, model: Module) -> Optimizer:
    settings: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
    match config.name:
        case "sgd":
            return SGD(model.parameters(), momentum=config.momentum, **settings)
        case "adam":
            return Adam(model.parameters(), **settings)
        case "adamw":
            return AdamW(model.parameters(), **settings)
