"""A declaration that is wrong is a TypeError where it stands, and leaves nothing behind."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from azuraforge.engine.ops import OPS
from azuraforge.engine.ops.declare import elementwise, op, truth
from azuraforge.engine.ops.sample import Sample, normal

SOUND: dict[str, Any] = {
    "signature": "twice(x, *, factor=2) -> y",
    "shape": lambda x: x,
    "forward": lambda xp, x, y, factor: xp.multiply(x, factor, out=y),
    "grads": {"x": lambda xp, g, factor: g * factor},
    "samples": (Sample(normal(2)),),
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grads": {}}, "gradients are for [], the inputs are ('x',)"),
        ({"grads": {"x": None, "z": None}}, "gradients are for ['x', 'z']"),
        ({"grads": {"x": lambda xp, g, nobody: g}}, "unknown names ['nobody']"),
        ({"shape": lambda x, nobody: x}, "unknown names ['nobody']"),
        ({"forward": lambda xp, x, y, nobody: None}, "unknown names ['nobody']"),
        ({"dtypes": {"y": lambda nobody: "bool"}}, "unknown names ['nobody']"),
        ({"samples": ()}, "no samples"),
        ({"signature": "add(x, *, factor=2) -> y"}, "is declared twice"),
    ],
)
def test_a_mistake_is_a_type_error_that_names_the_op(change: dict[str, Any], message: str) -> None:
    before = dict(OPS)

    with pytest.raises(TypeError, match=f"^op (twice|add).*{re.escape(message)}"):
        op(**{**SOUND, **change})

    assert before == OPS


def test_a_formula_without_a_gradient_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="op half: gradients are for"):
        elementwise("half(a, b)", y="a / b", a="g / b")


@pytest.mark.parametrize(
    "text", ["a @ b", "gamma(a)", "a if b", "c", "a.real", "a and b", "'a'", "a < b < a"]
)
def test_what_the_formula_language_lacks_is_refused(text: str) -> None:
    with pytest.raises((TypeError, SyntaxError)):
        truth("strange(a, b)", y=text)

    assert "strange" not in OPS


def test_a_sound_declaration_can_be_called() -> None:
    declared = op(**SOUND)
    try:
        assert declared(np.ones(3), factor=4).tolist() == [4, 4, 4]
    finally:
        del OPS["twice"]
