"""The training loop."""

from azuraforge.engine.train.loop import Epoch, Loop, Step

__all__ = ["Epoch", "Loop", "Step"]
