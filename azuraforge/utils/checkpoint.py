"""Memory traded for time: forward again instead of keeping; written in engine/checkpoint.py."""

from azuraforge.engine.checkpoint import checkpoint, checkpoint_sequential

__all__ = ["checkpoint", "checkpoint_sequential"]
