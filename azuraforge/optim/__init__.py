"""Optimizers; written in engine/optim/."""

from azuraforge.engine.optim import *
