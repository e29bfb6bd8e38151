"""Loops on the GPU, as CUDA sources that CuPy compiles; nothing here imports it."""
