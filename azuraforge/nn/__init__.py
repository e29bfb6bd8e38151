"""Layers; written in engine/nn/."""

from azuraforge.engine.nn import *
