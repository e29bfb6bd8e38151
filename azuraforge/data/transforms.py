"""Augmentation of images, series and tokens; written in engine/data/transforms/."""

from azuraforge.engine.data.transforms import *
