"""Functions of tensors; written in engine/nn/functional.py."""

from azuraforge.engine.nn.functional import *
