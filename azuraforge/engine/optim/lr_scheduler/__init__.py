"""Learning-rate schedules under PyTorch's names."""

from azuraforge.engine.optim.lr_scheduler.combined import ChainedScheduler, SequentialLR
from azuraforge.engine.optim.lr_scheduler.cosine import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    WarmupCosineLR,
)
from azuraforge.engine.optim.lr_scheduler.cycle import CyclicLR, OneCycleLR
from azuraforge.engine.optim.lr_scheduler.factor import (
    ConstantLR,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from azuraforge.engine.optim.lr_scheduler.function import LambdaLR, MultiplicativeLR
from azuraforge.engine.optim.lr_scheduler.plateau import ReduceLROnPlateau
from azuraforge.engine.optim.lr_scheduler.scheduler import LRScheduler

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "WarmupCosineLR",
]
