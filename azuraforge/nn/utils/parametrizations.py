"""Weights made of others; written in engine/nn/utils/parametrizations.py."""

from azuraforge.engine.nn.utils.parametrizations import *
