"""Datasets, their order, and the batches made of them."""

from azuraforge.engine.data.collate import default_collate, default_convert
from azuraforge.engine.data.dataset import (
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
)
from azuraforge.engine.data.loader import DataLoader
from azuraforge.engine.data.sampler import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    WeightedRandomSampler,
)
from azuraforge.engine.data.scaler import MinMaxScaler, RobustScaler, Scaler, StandardScaler
from azuraforge.engine.data.split import (
    chronological_split,
    k_fold,
    random_split,
    stratified_k_fold,
    time_series_folds,
)
from azuraforge.engine.data.windows import WindowDataset, sliding_windows
from azuraforge.engine.data.workers import WorkerInfo, get_worker_info

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "MinMaxScaler",
    "RandomSampler",
    "RobustScaler",
    "Sampler",
    "Scaler",
    "SequentialSampler",
    "StandardScaler",
    "Subset",
    "TensorDataset",
    "WeightedRandomSampler",
    "WindowDataset",
    "WorkerInfo",
    "chronological_split",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "k_fold",
    "random_split",
    "sliding_windows",
    "stratified_k_fold",
    "time_series_folds",
]
