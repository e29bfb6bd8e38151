"""Functions made of functions, under torch.func's names; written in engine/."""

from azuraforge.engine.grad.transforms import (
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    vjp,
)
from azuraforge.engine.grad.vmap import vmap
from azuraforge.engine.nn.functional_call import functional_call

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "vjp",
    "vmap",
]
