"""Data sets, their batches and augmentation; written in engine/data/."""

from azuraforge.data import transforms as transforms
from azuraforge.engine.data import *
