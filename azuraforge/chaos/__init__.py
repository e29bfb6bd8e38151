"""The fault matrix: what goes wrong with machines, done on purpose, and whether promises hold."""
