"""The functions that are methods of Tensor, too: all that take one first, but those listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azuraforge.engine.functions.function import FUNCTIONS
from azuraforge.engine.tensor import Tensor

NOT_METHODS = frozenset(
    """
    arange linspace logspace eye full zeros ones empty rand randn randint randperm scalar_tensor
    cat concat concatenate stack hstack vstack dstack row_stack column_stack block_diag
    atleast_1d atleast_2d atleast_3d broadcast_tensors broadcast_shapes meshgrid cartesian_prod
    einsum tensordot tril_indices triu_indices normal complex polar polygamma real imag to
    from_numpy from_dlpack as_tensor
    __getitem__
    """.split()
)
OPERATORS = {
    "__abs__": "abs",
    "__pos__": "positive",
    "__mod__": "remainder", "__floordiv__": "floor_divide", "__and__": "bitwise_and",
    "__or__": "bitwise_or", "__xor__": "bitwise_xor", "__invert__": "bitwise_not",
    "__lshift__": "bitwise_left_shift", "__rshift__": "bitwise_right_shift",
}  # fmt: skip
REVERSED = {"__rpow__": "pow", "__rdiv__": "true_divide"}
UNARY = ("__abs__", "__pos__", "__invert__")


def _turned(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its operands exchanged: other % self."""
    return lambda self, other: function(other, self)


def attach() -> None:
    """Give Tensor its methods; those in its class stay."""
    for name, function in FUNCTIONS.items():
        if "." not in name and name not in NOT_METHODS and name not in vars(Tensor):
            setattr(Tensor, name, function)
    for operator, name in OPERATORS.items():
        setattr(Tensor, operator, FUNCTIONS[name])
        if operator not in UNARY:
            setattr(Tensor, f"__r{operator[2:]}", _turned(FUNCTIONS[name]))
    for reverse, name in REVERSED.items():
        setattr(Tensor, reverse, _turned(FUNCTIONS[name]))
    for name in ("mT", "mH", "H"):
        setattr(Tensor, name, property(FUNCTIONS["adjoint"]))
    for name in ("real", "imag"):
        setattr(Tensor, name, property(FUNCTIONS[name]))
