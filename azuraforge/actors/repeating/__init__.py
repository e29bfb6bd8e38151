"""Runs done again: replayed, compared, asked for gradients, verified from a bundle."""
