"""The Registry and its parts: what is written down of runs, and whatever follows from it."""
