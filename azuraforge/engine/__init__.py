"""Arrays in, arrays out: tensors, gradients, layers, optimizers. No network, no clock, no Ray."""

from azuraforge.engine.grad.autograd import detect_anomaly, no_grad
from azuraforge.engine.methods import defer
from azuraforge.engine.random import Generator, manual_seed
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.engine.threads import set_threads

__all__ = [
    "Generator",
    "Tensor",
    "detect_anomaly",
    "manual_seed",
    "no_grad",
    "set_threads",
    "tensor",
]

defer()
