"""The training loop."""

from azuraforge.engine.train.loop import Epoch, Happening, Loop, Step

__all__ = ["Epoch", "Happening", "Loop", "Step"]
