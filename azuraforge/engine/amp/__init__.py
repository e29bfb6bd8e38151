"""Training in half precision, under PyTorch's names."""

from azuraforge.engine.amp.grad_scaler import GradScaler
from azuraforge.engine.autocast import autocast

__all__ = ["GradScaler", "autocast"]
