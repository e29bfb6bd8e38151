"""Sequences of several lengths; written in engine/nn/utils/rnn.py."""

from azuraforge.engine.nn.utils.rnn import *
