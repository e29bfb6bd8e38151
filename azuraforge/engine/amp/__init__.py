"""Training in half precision, under PyTorch's names."""

from azuraforge.engine.amp.grad_scaler import GradScaler

__all__ = ["GradScaler"]
