"""The Trainer and its parts: from a spec, or an attempt at a run, to the events of its journal."""
