"""Functions of tensors, under PyTorch's names."""

from azuraforge.engine.nn.functional.activation import *
from azuraforge.engine.nn.functional.adaptive_pool import *
from azuraforge.engine.nn.functional.attention import *
from azuraforge.engine.nn.functional.bilinear import *
from azuraforge.engine.nn.functional.classification import *
from azuraforge.engine.nn.functional.conv import *
from azuraforge.engine.nn.functional.ctc import *
from azuraforge.engine.nn.functional.distance import *
from azuraforge.engine.nn.functional.dropout import *
from azuraforge.engine.nn.functional.fractional_pool import *
from azuraforge.engine.nn.functional.grid import *
from azuraforge.engine.nn.functional.imbalance import *
from azuraforge.engine.nn.functional.interpolate import *
from azuraforge.engine.nn.functional.linear import *
from azuraforge.engine.nn.functional.loss import *
from azuraforge.engine.nn.functional.margin import *
from azuraforge.engine.nn.functional.multi_head import *
from azuraforge.engine.nn.functional.norm import *
from azuraforge.engine.nn.functional.padding import *
from azuraforge.engine.nn.functional.pool import *
from azuraforge.engine.nn.functional.shuffle import *
from azuraforge.engine.nn.functional.sparse import *
