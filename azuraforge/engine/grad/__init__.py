"""Gradients: the graph that ops leave, its walk backwards, and all that is made of both."""
