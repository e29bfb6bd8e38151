"""Layers under PyTorch's names, with its constructor arguments and state_dict keys."""

from azuraforge.engine.nn import functional, init
from azuraforge.engine.nn.activation import Dropout, Flatten, ReLU
from azuraforge.engine.nn.container import Sequential
from azuraforge.engine.nn.conv import AdaptiveAvgPool2d, Conv1d, Conv2d, MaxPool2d
from azuraforge.engine.nn.linear import Linear
from azuraforge.engine.nn.module import Module, Parameter
from azuraforge.engine.nn.rnn import GRU, LSTM
from azuraforge.engine.nn.sparse import Embedding

__all__ = [
    "GRU",
    "LSTM",
    "AdaptiveAvgPool2d",
    "Conv1d",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Linear",
    "MaxPool2d",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "functional",
    "init",
]
