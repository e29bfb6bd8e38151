"""Borders around tensors."""

from azuraforge.engine.functions.shape import padded as pad

__all__ = ["pad"]
