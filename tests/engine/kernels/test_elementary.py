"""The functions against float64's, and that loops of them are vectors."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="Numba, the extra `jit`, is not installed")

from azuraforge.engine.kernels import elementary, formulas

NAMES = ("exp", "log", "tanh", "sigmoid", "erf")
LARGEST_ULP = 2.0
STEP = 16411  # of the float32 looked at here, 500 in every binade; --prove takes all


def loaded(name: str) -> Any:
    """The module of that name beside this one."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


derive = loaded("derive_elementary")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_within_two_units_in_the_last_place(name: str) -> None:
    error, place = derive.largest_error(name, STEP)

    assert error <= LARGEST_ULP, f"at {place!r}"


def test_cdf_is_as_near_as_its_exponent_lets_it_be() -> None:
    x = np.linspace(-12, 12, 100_001, dtype=np.float32)
    y = np.empty_like(x)

    derive.loop(elementary.cdf)(x, y)

    wide = x.astype(np.float64)
    exact = derive.EXACT["cdf"](wide)
    assert np.abs(y - exact).max() <= 3 * 2.0**-24
    assert (derive.ulp_error(y, exact) <= 5 + wide * wide / 2).all()  # -x²/2 is rounded


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("exp", [np.nan, np.inf, 0, 1, 1]),
        ("log", [np.nan, np.inf, np.nan, -np.inf, -np.inf]),
        ("tanh", [np.nan, 1, -1, 0, -0.0]),
        ("sigmoid", [np.nan, 1, 0, 0.5, 0.5]),
        ("erf", [np.nan, 1, -1, 0, -0.0]),
        ("cdf", [np.nan, 1, 0, 0.5, 0.5]),
    ],
)
def test_nan_stays_nan_and_the_ends_are_exact(name: str, expected: list[float]) -> None:
    x = np.float32([np.nan, np.inf, -np.inf, 0, -0.0])
    y = np.empty_like(x)

    derive.loop(getattr(elementary, name))(x, y)

    np.testing.assert_array_equal(y, np.float32(expected))
    if name in ("tanh", "erf"):
        assert np.signbit(y[4])


@pytest.mark.parametrize("name", [*NAMES, "cdf"])
def test_llvm_makes_vectors_of_a_loop(name: str) -> None:
    run = derive.loop(getattr(elementary, name))

    (code,) = run.inspect_llvm().values()

    widest = max(int(n) for n in re.findall(r"store <(\d+) x float>", code))
    assert widest >= 4
    assert not re.search(r"call .* @(exp|log|tanh|erf)f?\(", code)


def test_the_coefficients_are_those_derived() -> None:
    for name, found in derive.coefficients().items():
        np.testing.assert_allclose(getattr(formulas, name), found, rtol=1e-6, err_msg=name)
