"""Optimizers under PyTorch's names."""

from azuraforge.engine.optim import lr_scheduler, swa_utils
from azuraforge.engine.optim.adadelta import Adadelta
from azuraforge.engine.optim.adafactor import Adafactor
from azuraforge.engine.optim.adagrad import Adagrad
from azuraforge.engine.optim.adam import Adam
from azuraforge.engine.optim.adamax import Adamax
from azuraforge.engine.optim.adamw import AdamW
from azuraforge.engine.optim.asgd import ASGD
from azuraforge.engine.optim.lamb import LAMB
from azuraforge.engine.optim.lbfgs import LBFGS
from azuraforge.engine.optim.lion import Lion
from azuraforge.engine.optim.muon import Muon
from azuraforge.engine.optim.nadam import NAdam
from azuraforge.engine.optim.optimizer import Optimizer
from azuraforge.engine.optim.radam import RAdam
from azuraforge.engine.optim.rmsprop import RMSprop
from azuraforge.engine.optim.rprop import Rprop
from azuraforge.engine.optim.sgd import SGD

__all__ = [
    "ASGD",
    "LAMB",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
    "swa_utils",
]
