"""Files that PyTorch wrote, read without running anything that is in them."""

from azuraforge.interop.pytorch.file import is_pytorch, read

__all__ = ["is_pytorch", "read"]
