"""The terminal screens: runs, one run live, a new run from a form, models."""
