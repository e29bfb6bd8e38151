"""Borders around tensors."""

from azuraforge.engine.functions.pad import padded as pad

__all__ = ["pad"]
