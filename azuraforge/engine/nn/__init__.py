"""Layers under PyTorch's names, with its constructor arguments and state_dict keys."""

from azuraforge.engine.nn import functional, init, utils
from azuraforge.engine.nn.activation import (
    GELU,
    Dropout,
    Flatten,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from azuraforge.engine.nn.container import ModuleList, Sequential
from azuraforge.engine.nn.conv import AdaptiveAvgPool2d, Conv1d, Conv2d, MaxPool2d
from azuraforge.engine.nn.linear import Linear
from azuraforge.engine.nn.module import Buffer, Module, Parameter
from azuraforge.engine.nn.norm import BatchNorm1d, BatchNorm2d, LayerNorm
from azuraforge.engine.nn.rnn import GRU, LSTM
from azuraforge.engine.nn.sparse import Embedding

__all__ = [
    "GELU",
    "GRU",
    "LSTM",
    "AdaptiveAvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "Conv1d",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "LayerNorm",
    "Linear",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "Parameter",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "functional",
    "init",
    "utils",
]
