"""Averages of models; written in engine/optim/swa_utils.py."""

from azuraforge.engine.optim.swa_utils import *
