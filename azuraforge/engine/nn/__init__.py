"""Layers under PyTorch's names, with its constructor arguments and state_dict keys."""

from azuraforge.engine.nn import functional as functional
from azuraforge.engine.nn import init as init
from azuraforge.engine.nn import utils as utils
from azuraforge.engine.nn.activation import *
from azuraforge.engine.nn.attention import *
from azuraforge.engine.nn.bilinear import *
from azuraforge.engine.nn.cells import *
from azuraforge.engine.nn.container import *
from azuraforge.engine.nn.conv import *
from azuraforge.engine.nn.distance import *
from azuraforge.engine.nn.dropout import *
from azuraforge.engine.nn.flatten import *
from azuraforge.engine.nn.linear import *
from azuraforge.engine.nn.loss import *
from azuraforge.engine.nn.margin import *
from azuraforge.engine.nn.module import *
from azuraforge.engine.nn.norm import *
from azuraforge.engine.nn.padding import *
from azuraforge.engine.nn.pool import *
from azuraforge.engine.nn.position import *
from azuraforge.engine.nn.rnn import *
from azuraforge.engine.nn.shuffle import *
from azuraforge.engine.nn.sparse import *
from azuraforge.engine.nn.summarize import *
from azuraforge.engine.nn.transformer import *
from azuraforge.engine.nn.upsampling import *
