"""How parameters begin; written in engine/nn/init.py."""

from azuraforge.engine.nn.init import *
