"""Data sets and their batches; written in engine/data/."""

from azuraforge.engine.data import *
