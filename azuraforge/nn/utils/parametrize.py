"""Parameters made of others; written in engine/nn/utils/parametrize.py."""

from azuraforge.engine.nn.utils.parametrize import *
