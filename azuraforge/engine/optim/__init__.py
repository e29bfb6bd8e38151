"""Optimizers under PyTorch's names."""

from azuraforge.engine.optim.adam import Adam
from azuraforge.engine.optim.adamw import AdamW
from azuraforge.engine.optim.optimizer import Optimizer
from azuraforge.engine.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
