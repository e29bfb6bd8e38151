"""Structs for whatever crosses a process: specs, events, records, problems."""
