"""Which inputs an output is owed to, under captum's names and calls.

    from azuraforge.attributions import IntegratedGradients

    shares = IntegratedGradients(model).attribute(x, baselines=0, target=3)

Where a method draws random numbers, `generator` says which; the rest of a call is captum's.
"""

from azuraforge.attributions.ablation import FeatureAblation, FeaturePermutation, Occlusion
from azuraforge.attributions.attribution import Attribution
from azuraforge.attributions.gradient import InputXGradient, Saliency
from azuraforge.attributions.integrated import IntegratedGradients
from azuraforge.attributions.lime import Lime
from azuraforge.attributions.noise import GradientShap, NoiseTunnel, SmoothGrad
from azuraforge.attributions.shapley import KernelShap, ShapleyValues, ShapleyValueSampling

__all__ = [
    "Attribution",
    "FeatureAblation",
    "FeaturePermutation",
    "GradientShap",
    "InputXGradient",
    "IntegratedGradients",
    "KernelShap",
    "Lime",
    "NoiseTunnel",
    "Occlusion",
    "Saliency",
    "ShapleyValueSampling",
    "ShapleyValues",
    "SmoothGrad",
]
