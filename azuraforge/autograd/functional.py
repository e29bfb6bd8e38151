"""Products with Jacobians and Hessians; written in engine/derivatives.py."""

from azuraforge.engine.derivatives import hessian, hvp, jacobian, jvp, vhp, vjp

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
