"""Which inputs an output is owed to, under captum's names and calls.

    from azuraforge.attributions import IntegratedGradients

    shares = IntegratedGradients(model).attribute(x, baselines=0, target=3)

Where a method draws random numbers, `generator` says which; the rest of a call is captum's.
"""

from azuraforge.attributions.ablation import FeatureAblation, FeaturePermutation, Occlusion
from azuraforge.attributions.attribution import Attribution
from azuraforge.attributions.conductance import LayerConductance
from azuraforge.attributions.deep_lift import DeepLift
from azuraforge.attributions.grad_cam import GuidedGradCam, LayerGradCam
from azuraforge.attributions.gradient import InputXGradient, Saliency
from azuraforge.attributions.guided import Deconvolution, GuidedBackprop
from azuraforge.attributions.integrated import IntegratedGradients
from azuraforge.attributions.layer import LayerActivation, LayerAttribution
from azuraforge.attributions.lime import Lime
from azuraforge.attributions.metrics import (
    infidelity,
    infidelity_perturb_func_decorator,
    sensitivity_max,
)
from azuraforge.attributions.noise import GradientShap, NoiseTunnel, SmoothGrad
from azuraforge.attributions.rollout import attention_rollout
from azuraforge.attributions.shapley import KernelShap, ShapleyValues, ShapleyValueSampling

__all__ = [
    "Attribution",
    "Deconvolution",
    "DeepLift",
    "FeatureAblation",
    "FeaturePermutation",
    "GradientShap",
    "GuidedBackprop",
    "GuidedGradCam",
    "InputXGradient",
    "IntegratedGradients",
    "KernelShap",
    "LayerActivation",
    "LayerAttribution",
    "LayerConductance",
    "LayerGradCam",
    "Lime",
    "NoiseTunnel",
    "Occlusion",
    "Saliency",
    "ShapleyValueSampling",
    "ShapleyValues",
    "SmoothGrad",
    "attention_rollout",
    "infidelity",
    "infidelity_perturb_func_decorator",
    "sensitivity_max",
]
