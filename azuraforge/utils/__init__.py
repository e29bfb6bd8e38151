"""What PyTorch keeps under utils."""

from azuraforge.utils import checkpoint

__all__ = ["checkpoint"]
