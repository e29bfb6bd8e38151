"""What a model is made of: shapes, parameters, arithmetic and memory of each module, as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from azuraforge.engine.grad.modes import no_grad
from azuraforge.engine.nn.module import Module
from azuraforge.engine.replay import trace
from azuraforge.engine.replay.trace import Applied
from azuraforge.engine.tensor import Tensor

__all__ = ["Summary", "summary"]


def _product(applied: Applied) -> int:
    return 2 * _made(applied) * int(applied.inputs[0].shape[-1])


def _windows(applied: Applied) -> int:
    """Of a convolution: each output is a sum over a kernel."""
    return 2 * _made(applied) * int(math.prod(applied.inputs[1].shape[1:]))


def _attention(applied: Applied) -> int:
    q, k, v = (x.shape for x in applied.inputs)
    return 2 * int(math.prod(q[:-1])) * int(k[-2]) * int(q[-1] + v[-1])


def _recurrence(applied: Applied) -> int:
    x, w_ih, w_hh, *_ = applied.inputs
    return 2 * int(math.prod(x.shape[:-1])) * int(w_ih.size + w_hh.size)


def _made(applied: Applied) -> int:
    return int(applied.outputs[0].size)


def _taken(applied: Applied) -> int:
    return int(applied.inputs[0].size)


COSTS: Mapping[str, Callable[[Applied], int]] = {
    "matmul": _product,
    "linear": lambda applied: _product(applied) + _made(applied),
    "conv2d": _windows,
    "convolution": _windows,
    "scaled_dot_product_attention": _attention,
    "lstm": _recurrence,
    "gru": _recurrence,
    "rnn": _recurrence,
} | dict.fromkeys(
    "softmax log_softmax layer_norm batch_norm sum mean amax logsumexp window_sum".split(), _taken
)


@dataclass
class Row:
    """A module: where it is, what it gives, and what it and all below it cost."""

    path: str
    name: str  # the path from the module whose call it is part of
    kind: str
    depth: int
    parameters: int = 0  # those that no module called within it has
    shapes: list[tuple[int, ...]] = field(default_factory=list)  # of the outputs of its first call
    flops: int = 0
    size_bytes: int = 0  # of the arrays that its ops made


@dataclass(frozen=True)
class Summary:
    """The modules of a model in the order they were called; print it.

    FLOPs are those of one forward pass: two for each multiply-add of a product, one for each
    element that is computed, or summed up, one by one. Memory is that of all arrays made on the
    way, which is about what training keeps for backward().
    """

    rows: list[Row]
    parameters: int
    trained: int
    parameter_bytes: int

    @property
    def flops(self) -> int:
        return self.rows[0].flops

    @property
    def size_bytes(self) -> int:
        return self.rows[0].size_bytes

    def __str__(self) -> str:
        head = ("module", "output", "parameters", "FLOPs", "memory")
        lines = [head, *map(_cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rule = "─" * (sum(widths) + 2 * len(widths) - 2)
        table = [_line(cells, widths) for cells in lines]
        end = (
            f"parameters {self.parameters:,} ({_bytes(self.parameter_bytes)}), trained "
            f"{self.trained:,}; forward {_count(self.flops)} FLOPs, {_bytes(self.size_bytes)}"
        )
        return "\n".join([table[0], rule, *table[1:], rule, end])

    __repr__ = __str__


def summary(model: Module, *inputs: Any, **named: Any) -> Summary:
    """The shapes, parameters, FLOPs and memory of a model for these inputs; print it.

    The model is called once, in evaluation and without gradients.
    """
    calls, handles = _Calls(), []
    given = [x if isinstance(x, Tensor) or not hasattr(x, "dtype") else Tensor(x) for x in inputs]
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        for path, module in model.named_modules():
            handles += calls.watch(path, module)
        with no_grad(), trace.tracing() as applied:
            calls.applied = applied
            model(*given, **named)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes:
            module.training = mode
    every = list(model.parameters())
    return Summary(
        calls.rows,
        sum(p.data.size for p in every),
        sum(p.data.size for p in every if p.requires_grad),
        sum(p.data.nbytes for p in every),
    )


class _Calls:
    """Rows for modules as they are called; what was applied within goes to each of them."""

    def __init__(self) -> None:
        self.applied: list[Applied] = []
        self.rows: list[Row] = []
        self._by_path: dict[str, Row] = {}
        self._begun: list[tuple[Row, int]] = []  # the calls that go on, and where they began
        self._counted: set[int] = set()

    def watch(self, path: str, module: Module) -> list[Any]:
        def before(module: Module, inputs: Any) -> None:
            self._begin(path, module)

        def after(module: Module, inputs: Any, output: Any) -> None:
            self._finish(module, output)

        return [module.register_forward_pre_hook(before), module.register_forward_hook(after)]

    def _begin(self, path: str, module: Module) -> None:
        row = self._by_path.get(path)
        if row is None:
            above = self._begun[-1][0].path if self._begun else ""
            name = path.removeprefix(f"{above}.") if above else path
            row = Row(path, name, type(module).__name__, len(self._begun))
            self._by_path[path] = row
            self.rows.append(row)
        self._begun.append((row, len(self.applied)))

    def _finish(self, module: Module, output: Any) -> None:
        row, begin = self._begun.pop()
        new = [p for p in module.parameters() if id(p) not in self._counted]
        self._counted.update(map(id, new))
        row.parameters += sum(p.data.size for p in new)
        row.shapes = row.shapes or _shapes(output)
        applied = self.applied[begin:]
        row.flops += sum(map(_flops, applied))
        row.size_bytes += sum(y.nbytes for a in applied if not a.op.is_view for y in a.outputs)


def _flops(applied: Applied) -> int:
    cost = COSTS.get(applied.op.name)
    if cost is not None:
        return cost(applied)
    return _made(applied) if applied.op.formulas is not None else 0


def _shapes(output: Any) -> list[tuple[int, ...]]:
    if isinstance(output, Tensor):
        return [output.shape]
    parts = output if isinstance(output, tuple | list) else ()
    return [shape for part in parts for shape in _shapes(part)]


def _cells(row: Row) -> tuple[str, ...]:
    title = f"{'  ' * row.depth}{row.name}: {row.kind}" if row.name else row.kind
    shapes = ", ".join(map(str, row.shapes))
    count = f"{row.parameters:,}" if row.parameters else ""
    return title, shapes, count, _count(row.flops), _bytes(row.size_bytes)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    left, right = zip(cells[:2], widths, strict=False), zip(cells[2:], widths[2:], strict=True)
    parts = [*(c.ljust(n) for c, n in left), *(c.rjust(n) for c, n in right)]
    return "  ".join(parts).rstrip()


def _count(n: int) -> str:
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if n >= size:
            return f"{n / size:.2f} {unit}"
    return str(n)


def _bytes(n: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} B"
