"""Augmentation of images, series and tokens, under torchvision's names where it has some."""

from azuraforge.engine.data.transforms.affine import RandomAffine, RandomRotation
from azuraforge.engine.data.transforms.automatic import RandAugment, TrivialAugmentWide
from azuraforge.engine.data.transforms.colour import ColorJitter, Normalize
from azuraforge.engine.data.transforms.crop import (
    CenterCrop,
    RandomCrop,
    RandomHorizontalFlip,
    RandomVerticalFlip,
)
from azuraforge.engine.data.transforms.mix import CutMix, MixUp
from azuraforge.engine.data.transforms.noise import GaussianBlur, GaussianNoise, RandomErasing
from azuraforge.engine.data.transforms.resize import RandomResizedCrop, Resize
from azuraforge.engine.data.transforms.series import (
    Jitter,
    MagnitudeWarp,
    Scaling,
    TimeWarp,
    WindowSlice,
)
from azuraforge.engine.data.transforms.tokens import MaskTokens, TokenDropout, TokenSwap
from azuraforge.engine.data.transforms.transform import Compose, Transform

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "CutMix",
    "GaussianBlur",
    "GaussianNoise",
    "Jitter",
    "MagnitudeWarp",
    "MaskTokens",
    "MixUp",
    "Normalize",
    "RandAugment",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "Scaling",
    "TimeWarp",
    "TokenDropout",
    "TokenSwap",
    "Transform",
    "TrivialAugmentWide",
    "WindowSlice",
]
