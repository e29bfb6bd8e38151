"""The pages on ops and functions, written from their declarations.

make reference
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import numpy as np

from azuraforge.engine import nn, ops
from azuraforge.engine.functions import FUNCTIONS
from azuraforge.engine.grad.origin import texts
from azuraforge.engine.ops import OPS, Op

OPS_HEAD = """# Ops

All that computes is made of these: one declaration each, from which come shapes, gradients of any
order, kernels, samples that tests put to central differences, and this page (`make reference`).
`g` is the gradient of the output; a name that is a function leads to the file. What a program calls
is in [functions.md](functions.md).
"""
FUNCTIONS_HEAD = """# Functions

What a program calls, under PyTorch's names: plain Python over [ops](ops.md), so that it has their
gradients. Written from the declarations (`make reference`).
"""


def ops_page() -> str:
    """Every op: what it computes, shapes, gradients, and where it is declared."""
    parts = [OPS_HEAD]
    left = dict(OPS)
    for module in _modules():
        text, values = inspect.getsource(module), vars(module).values()
        own = [
            left.pop(name)
            for name, each in OPS.items()
            if name in left and (f'"{name}(' in text or any(value is each for value in values))
        ]
        if own:
            parts.append(f"## {_title(module)}\n\n{_first_line(module)}")
            parts += ["\n".join(_lines(each, module)) for each in own]
    if left:
        raise RuntimeError(f"declared in no file of ops/: {', '.join(left)}")
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def functions_page() -> str:
    """Every public function: how it is called, and its first line."""
    spaces: dict[str, dict[str, Callable[..., Any]]] = {}
    for name, function in FUNCTIONS.items():
        space, _, own = name.rpartition(".")
        spaces.setdefault(space, {})[own] = function
    spaces.setdefault("nn.functional", {}).update(
        (name, each) for name, each in vars(nn.functional).items() if inspect.isfunction(each)
    )
    parts = [FUNCTIONS_HEAD]
    for space, found in sorted(spaces.items()):
        parts.append(f"## azuraforge{'.' if space else ''}{space}")
        parts.append("\n".join(_row(name, each) for name, each in sorted(found.items())))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _modules() -> list[ModuleType]:
    names = [found.name for found in iter_modules(ops.__path__)]
    return [import_module(f"{ops.__name__}.{name}") for name in sorted(names)]


def _title(module: ModuleType) -> str:
    return f"{module.__name__.rpartition('.')[2]}.py"


def _first_line(of: Any) -> str:
    return (inspect.getdoc(of) or "").split("\n\n")[0].replace("\n", " ")


def _lines(op: Op, module: ModuleType) -> Iterator[str]:
    yield f"### {op.name}\n"
    yield f"`{op.text}`\n"
    shapes = " · ".join(f"`{each}`" for each in _shapes(op))
    yield f"- Shapes, as in its samples: {shapes}"
    for name, text in texts(op).items():
        if name not in ("y", "forward"):
            yield f"- {name}: {_code(text, module)}"
    unwanted = [name for name in op.signature.inputs if not _has_gradient(op, name)]
    if unwanted:
        yield f"- No gradient: {', '.join(f'`{name}`' for name in unwanted)}"
    if op.kernel_name:
        yield f"- Kernel: `{op.kernel_name}`"


def _shapes(op: Op) -> list[str]:
    """What the first samples take and give, each once."""
    found: list[str] = []
    for sample in op.samples:
        rng = np.random.default_rng(0)
        arrays = [draw.array(rng) for draw in sample.operands]
        made = op(*arrays, **sample.attributes)
        outputs = made if isinstance(made, tuple | list) else (made,)
        given = ", ".join(str(np.shape(x)) for x in arrays)
        line = f"{given} → {', '.join(str(y.shape) for y in outputs)}"
        found += [line] if line not in found else []
    return found[:3]


def _code(text: str, module: ModuleType) -> str:
    if "\n" not in text:
        return f"`{text}`"
    name = text[: text.index("(")].rpartition(" ")[2]
    return f"`{name}` in {_title(module)}"


def _has_gradient(op: Op, name: str) -> bool:
    place = op.signature.inputs.index(name)
    return any(place in places for places, _ in op.reference.gradients)


def _row(name: str, function: Callable[..., Any]) -> str:
    says = _first_line(function)
    called = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))
    if called.startswith("(*operands"):  # an op; what it says begins with its operands
        called = re.sub(r"^\w+|( =| ->).*", "", says)
    return f"- `{name}{called}`: {says}"


def main(folder: str) -> None:
    """Write both pages."""
    for name, text in (("ops", ops_page()), ("functions", functions_page())):
        (Path(folder) / f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
