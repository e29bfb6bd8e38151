"""Hot loops, one file per op: what an op's reference does, compiled.

A kernel module has `accepts(*inputs, **attributes)`, `forward`, and `gradients` under the keys that
the op's own have; the names of their parameters are wired to the op's signature as in `ops/op.py`.
Without Numba, or where `accepts` says no, the reference runs: delete a file and all still works.
"""
