"""Functions of tensors; written in engine/nn/functional/."""

from azuraforge.engine.nn.functional import *
