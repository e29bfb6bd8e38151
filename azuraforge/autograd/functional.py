"""Products with Jacobians and Hessians; written in engine/grad/derivatives.py."""

from azuraforge.engine.grad.derivatives import hessian, hvp, jacobian, jvp, vhp, vjp

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
