"""Linear algebra, under PyTorch's names."""

from azuraforge.engine.functions.names import finder, names

__all__ = names("linalg")  # noqa: PLE0605  of functions found by __getattr__
__getattr__ = finder("linalg")
