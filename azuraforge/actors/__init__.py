"""Trainer, Tuner, Registry and Predictor as plain classes, and the two runtimes they live in."""
