"""Datasets and the batches made of them."""

from azuraforge.engine.data.dataset import TensorDataset
from azuraforge.engine.data.loader import DataLoader

__all__ = ["DataLoader", "TensorDataset"]
