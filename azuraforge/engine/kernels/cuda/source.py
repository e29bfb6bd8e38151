"""Elementwise formulas as CUDA: one kernel for a formula, its element types and number of axes.

Every value is of the type `T` of the arithmetic, truth values too, as 0 and 1. float16 lies in
memory only: it is computed in float32 and rounded once.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import product

from azuraforge.engine.ops.formula import SPELLING, Formula

ENTRY = "compute"  # the name of every kernel
FLOATS = {  # element type -> how it is stored, the type of its arithmetic, how its functions end
    "float16": ("unsigned short", "float", "f"),
    "float32": ("float", "float", "f"),
    "float64": ("double", "double", ""),
}
SPELLED = {"abs": "fabs", "round": "rint"}  # functions of the language with another name in CUDA
OURS = {  # and those that CUDA lacks, or that differ there for NaN or for signs
    "sign": "T sign(T x) { return x > 0 ? 1 : x < 0 ? -1 : x; }",
    "maximum": "T maximum(T a, T b) { return a > b || a != a ? a : b; }",
    "minimum": "T minimum(T a, T b) { return a < b || a != a ? a : b; }",
    "isnan": "T isnan(T x) { return x != x; }",
    "isinf": "T isinf(T x) { return x == x && x - x != 0; }",
    "isfinite": "T isfinite(T x) { return x - x == 0; }",
    "signbit": "T signbit(T x) { return copysign(T(1), x) < 0; }",
    "logical_not": "T logical_not(T x) { return x == 0; }",
    "logical_and": "T logical_and(T a, T b) { return a != 0 && b != 0; }",
    "logical_or": "T logical_or(T a, T b) { return a != 0 || b != 0; }",
    "logical_xor": "T logical_xor(T a, T b) { return (a != 0) != (b != 0); }",
    "cdf": "T cdf(T x) { return T(0.5) * erfc(T(-0.7071067811865476) * x); }",
    "remainder": """T remainder(T a, T b) {
        const T r = fmod(a, b);
        return r == 0 ? copysign(r, b) : (r < 0) == (b < 0) ? r : r + b;
    }""",
    "logaddexp": """T logaddexp(T a, T b) {
        return a == b ? a + T(0.6931471805599453) : maximum(a, b) + log1p(exp(-fabs(a - b)));
    }""",
    "logaddexp2": """T logaddexp2(T a, T b) {
        const T more = T(1.4426950408889634) * log1p(exp2(-fabs(a - b)));
        return a == b ? a + 1 : maximum(a, b) + more;
    }""",
}
CONVERSIONS = """
__device__ T loaded({stored} x) {{ return x; }}
__device__ {stored} rounded(T x) {{ return x; }}
"""
HALF_CONVERSIONS = """
__device__ T loaded(unsigned short x) {
    T y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x));
    return y;
}
__device__ unsigned short rounded(T x) {
    unsigned short y;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return y;
}
"""
SOURCE = """// {formula}
typedef {arithmetic} T;
{conversions}
__device__ T loaded(bool x) {{ return x; }}
struct Ours {{
    {ours}
}};

extern "C" __global__ void {entry}({parameters}) {{
    const unsigned step = gridDim.x * blockDim.x;
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < size; i += step) {{
        {places}
        {values}
        at_0[{place}] = {result};
    }}
}}
"""


def source(formula: Formula, floats: str, kinds: Sequence[str], result: str, axes: int) -> str:
    """A kernel of the formula over `axes` axes, numbered from the outermost.

    `floats` is the element type. The result is "array", of it, or "bool"; so is each operand in
    the order of the formula's names, or it is "number", given by its value. The parameters: the
    result, the operands, how many numbers; the sizes of all axes but the outermost; the distances
    in elements between neighbours along each axis, of the result and of each operand in memory.
    """
    stored, arithmetic, end = FLOATS[floats]
    types = {"array": stored, "bool": "bool"}
    given = dict(zip(formula.names, kinds, strict=True))
    lying = [name for name, kind in given.items() if kind != "number"]
    parameters = [f"{types[result]}* at_0"]  # no operand has this name
    parameters += [
        f"{arithmetic} {name}_" if kind == "number" else f"const {types[kind]}* at_{name}"
        for name, kind in given.items()
    ]
    sizes = [f"n{axis}" for axis in range(1, axes)]
    steps = [f"by_{name}_{axis}" for name, axis in product(("0", *lying), range(axes))]
    parameters += [f"long long {name}" for name in ("size", *sizes, *steps)]
    value = _scalar(formula.tree, end)
    conversions = HALF_CONVERSIONS if floats == "float16" else CONVERSIONS.format(stored=stored)
    return SOURCE.format(
        formula=formula.text,
        arithmetic=arithmetic,
        conversions=conversions.strip(),
        ours="\n    ".join(f"static __device__ {function}" for function in OURS.values()),
        entry=ENTRY,
        parameters=", ".join(parameters),
        places="\n        ".join(_places(axes)),
        values="\n        ".join(
            f"const T {name}_ = loaded(at_{name}[{_place(name, axes)}]);" for name in lying
        ),
        place=_place("0", axes),
        result=f"({value}) != 0" if result == "bool" else f"rounded({value})",
    )


def _places(axes: int) -> list[str]:
    """The index along each axis, out of the number `i` in the order of all."""
    lines, rest = [], "i"
    for axis in range(axes - 1, 0, -1):
        size = f"unsigned(n{axis})"  # 64-bit divisions take many times as long
        lines += [f"const unsigned i{axis} = {rest} % {size}, rest{axis} = {rest} / {size};"]
        rest = f"rest{axis}"
    return [*lines, f"const unsigned i0 = {rest};"]


def _place(name: str, axes: int) -> str:
    return " + ".join(f"i{axis} * by_{name}_{axis}" for axis in range(axes))


def _scalar(tree: ast.expr, end: str) -> str:
    """The expression over numbers of type T; `end` is how the names of its functions end."""
    match tree:
        case ast.Name(id=name):
            return f"{name}_"
        case ast.Constant(value=int() | float() as value):
            return f"T({float(value)!r})"
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return f"pow{end}({_scalar(left, end)}, {_scalar(right, end)})"
        case ast.BinOp(left=left, op=op, right=right):
            return f"({_scalar(left, end)} {SPELLING[type(op)]} {_scalar(right, end)})"
        case ast.UnaryOp(operand=operand):
            return f"(-{_scalar(operand, end)})"
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return f"T({_scalar(left, end)} {SPELLING[type(op)]} {_scalar(right, end)})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"({_scalar(test, end)} ? {_scalar(body, end)} : {_scalar(orelse, end)})"
        case ast.Call(func=ast.Name(id=name), args=args):
            function = f"Ours::{name}" if name in OURS else f"{SPELLED.get(name, name)}{end}"
            return f"{function}({', '.join(_scalar(x, end) for x in args)})"
    raise AssertionError(f"{ast.unparse(tree)}: parse() lets nothing else through")
