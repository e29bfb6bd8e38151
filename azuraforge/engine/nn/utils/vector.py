"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from azuraforge.engine.ops import shape as layout
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ShapeError

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, one behind the other; gradients go back to them."""
    return cast(Tensor, layout.cat(*(each.reshape(-1) for each in parameters), axis=0))


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Put the elements of a vector into parameters, in place.

    Raises: ShapeError unless there are as many.
    """
    given = list(parameters)
    count = sum(each.data.size for each in given)
    if vec.shape != (count,):
        raise ShapeError(f"vector_to_parameters: vec {vec.shape}; allowed: ({count},)")
    begin = 0
    for each in given:
        end = begin + each.data.size
        each.data[...] = vec.data[begin:end].reshape(each.shape)
        begin = end
