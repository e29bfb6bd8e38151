"""Every CUDA source compiles, without a warning, on the oldest GPU we mean, and on newer ones."""

from __future__ import annotations

import ast

import pytest

from azuraforge.engine.kernels.cuda.source import FLOATS, source
from azuraforge.engine.ops import OPS
from azuraforge.engine.ops.formula import FUNCTIONS, Formula

FORMULAS = [
    formula
    for op in OPS.values()
    if op.formulas is not None
    for formula in (op.formulas[0], *op.formulas[1].values())
]
ARCHITECTURES = ("compute_70", "compute_80", "compute_90")  # Volta, Ampere, Hopper


@pytest.mark.parametrize(
    ("floats", "architecture"),
    [
        *(("float32", each) for each in ARCHITECTURES),
        ("float64", "compute_80"),
        ("float16", "compute_80"),
    ],
)
def test_every_formula_compiles(floats, architecture, nvrtc, apart):
    sources, _ = apart(source(f, floats, ["array"] * len(f.names), "array", 2) for f in FORMULAS)

    assert nvrtc(sources, architecture) == ""


@pytest.mark.parametrize("architecture", ["sm_70", "sm_80", "sm_90"])
def test_every_kind_of_operand_and_number_of_axes_compiles(architecture, nvrtc, apart):
    formula = Formula.parse("a if condition else b", ("condition", "a", "b"))
    kinds = [("bool", "array", "number"), ("number", "bool", "array"), ("array", "number", "bool")]
    sources, _ = apart(
        source(formula, floats, each, result, axes)
        for floats in FLOATS
        for each in kinds
        for result in ("array", "bool")
        for axes in (1, 2, 5)
    )

    assert nvrtc(sources, architecture) == ""


@pytest.mark.parametrize("floats", FLOATS)
def test_every_function_of_the_language_is_one_of_cuda(floats, nvrtc, apart):
    two = {"maximum", "minimum", "atan2", "hypot", "copysign", "logaddexp", "logaddexp2", "fmod"}
    two |= {"remainder", "fmax", "fmin", "logical_and", "logical_or", "logical_xor"}
    formulas = [
        Formula.parse(f"{name}({'a, b' if name in two else 'a'})", ("a", "b")) for name in FUNCTIONS
    ]
    sources, _ = apart(source(f, floats, ["array"] * len(f.names), "array", 1) for f in formulas)

    assert nvrtc(sources, "compute_80") == ""


def test_the_compiler_would_tell(nvrtc):
    formula = Formula("gone(a)", ("a",), ast.parse("gone(a)", mode="eval").body)

    assert "gone" in nvrtc(source(formula, "float32", ["array"], "array", 1), "compute_80")
    assert "never referenced" in nvrtc("__device__ void f() { int unused; }", "compute_80")
