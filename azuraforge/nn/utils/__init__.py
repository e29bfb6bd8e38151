"""What is done to parameters and gradients; written in engine/nn/utils/."""

from azuraforge.engine.nn.utils import *
