"""Gradients, under PyTorch's names; written in engine/."""

from azuraforge.autograd import functional
from azuraforge.engine.grad.check import gradcheck, gradgradcheck
from azuraforge.engine.grad.custom import Function, once_differentiable
from azuraforge.engine.grad.higher import backward, grad
from azuraforge.engine.grad.modes import (
    detect_anomaly,
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from azuraforge.engine.grad.origin import explain

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "explain",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "once_differentiable",
    "set_grad_enabled",
]
