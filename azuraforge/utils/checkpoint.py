"""Memory traded for time: forward again, not kept; written in engine/grad/checkpoint.py."""

from azuraforge.engine.grad.checkpoint import checkpoint, checkpoint_sequential

__all__ = ["checkpoint", "checkpoint_sequential"]
