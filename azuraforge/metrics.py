"""Metrics over batches; written in engine/metrics/."""

from azuraforge.engine.metrics import *
