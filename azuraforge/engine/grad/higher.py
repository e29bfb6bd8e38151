"""Gradients that can be differentiated in turn: the walk with Tensors for arrays, and `grad`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np

from azuraforge.engine.device import module_of
from azuraforge.engine.grad.autograd import Node, Source, source
from azuraforge.engine.grad.modes import enable_grad
from azuraforge.engine.grad.namespace import namespace
from azuraforge.engine.grad.place import told
from azuraforge.engine.grad.recorded import Recorded, as_recorded, recorded, tensor_of, unbroadcast
from azuraforge.engine.grad.walk import Arrivals, Goal, Hook, from_hook, is_complex, walk
from azuraforge.engine.ops import OPS, Op
from azuraforge.engine.ops.complex import real
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import GradientError, NonFiniteError, ShapeError

Tensors = Tensor | Sequence[Tensor]


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of the outputs' sum, weighted by `grad_outputs`, with respect to the inputs.

    No `.grad` changes. With `create_graph` they can be differentiated in turn. An input that no
    output depends on is an error, or None with `allow_unused`, or zeros with `materialize_grads`.

    Raises: GradientError for an input or output that needs no gradient, for an unused input, and
            as backward() does; ShapeError for a gradient that does not fit.
    """
    roots, wanted = _several(outputs), _several(inputs)
    weights = [None] * len(roots) if grad_outputs is None else _several(grad_outputs)
    if len(weights) != len(roots):
        raise GradientError(f"grad: {len(weights)} grad_outputs for {len(roots)} outputs")
    sources = [_source(x, f"input {i}") for i, x in enumerate(wanted)]
    starts = [
        (_source(y, f"output {i}"), first_gradient(y, g, "grad"))
        for i, (y, g) in enumerate(zip(roots, weights, strict=True))
    ]
    goal = Goal(sources, [start for start, _ in starts])
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph:
        walk_recorded(starts, retain_graph=keep, goal=goal)
    else:
        walk([(start, g.data) for start, g in starts], retain_graph=keep, goal=goal)
    return tuple(
        _result(goal.found[target], x, i, allow_unused, materialize_grads)
        for i, (target, x) in enumerate(zip(sources, wanted, strict=True))
    )


def backward(
    tensors: Tensors,
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradients of the tensors' weighted sum to `.grad` of the leaves, or of `inputs`.

    Raises: GradientError and ShapeError as `grad` does.
    """
    if inputs is not None:
        wanted = _several(inputs)
        found = grad(tensors, wanted, grad_tensors, retain_graph, create_graph, allow_unused=True)
        for x, g in zip(wanted, found, strict=True):
            if g is not None:
                _add_to_grad(x, g, create_graph)
        return
    roots = _several(tensors)
    weights = [None] * len(roots) if grad_tensors is None else _several(grad_tensors)
    if len(weights) != len(roots):
        raise GradientError(f"backward: {len(weights)} grad_tensors for {len(roots)} tensors")
    starts = []
    for y, g in zip(roots, weights, strict=True):
        root = source(y)
        if root is None:
            raise GradientError(
                "backward: this tensor needs no gradient and came from none that does; set "
                "requires_grad=True on an input or parameter, and stay outside no_grad()"
            )
        starts.append((root, first_gradient(y, g, "backward")))
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph:
        walk_recorded(starts, retain_graph=keep)
    else:
        walk([(root, g.data) for root, g in starts], retain_graph=keep)


def _add_to_grad(x: Tensor, g: Tensor, create_graph: bool) -> None:
    if not create_graph:
        x.accumulate(g.data)
        return
    with enable_grad():
        x.grad = g if x.grad is None else x.grad + g


def first_gradient(y: Tensor, g: Tensor | None, who: str) -> Tensor:
    """The gradient of a root: the one that is given, or 1 for a single number.

    Raises: GradientError, ShapeError where neither will do.
    """
    if g is None:
        if y.data.size != 1:
            raise GradientError(
                f"{who}: a tensor of shape {y.shape} needs the `gradient` argument; "
                "only a single number has the gradient 1 by itself"
            )
        return Tensor(module_of(y.data).ones_like(y.data))
    if g.shape != y.shape:
        raise ShapeError(f"{who}: gradient {g.shape} for a tensor {y.shape}")
    return g


def walk_recorded(
    roots: Sequence[tuple[Source, Tensor]], *, retain_graph: bool, goal: Goal | None = None
) -> None:
    """As `walk`, leaving a graph from the gradients back to what they were made of."""
    with enable_grad():
        starts = [(target, recorded(g)) for target, g in roots]
        walk(starts, retain_graph=retain_graph, goal=goal, arrived=_RecordedArrivals(goal))


def pull(
    function: Callable[..., Any],
    inputs: Sequence[Recorded],
    outer: Sequence[Recorded],
    needs: Sequence[bool],
) -> tuple[Recorded | None, ...]:
    """The gradients of inputs of a function made of ops, from those of its outputs."""
    own = [
        x.reshape(x.shape) if hasattr(x, "data") else x for x in inputs
    ]  # each with a node of its own: what one was made of, that is another input, is left out
    made = function(*own)
    results = made if isinstance(made, tuple) else (made,)
    starts = [
        (start, g) for y, g in zip(results, outer, strict=False) if (start := source(y)) is not None
    ]
    targets = [source(x) if need else None for x, need in zip(own, needs, strict=True)]
    goal = Goal([t for t in targets if t is not None], [start for start, _ in starts])
    walk_recorded(starts, retain_graph=True, goal=goal)
    return tuple(None if target is None else goal.found[target] for target in targets)


class _RecordedArrivals(Arrivals):
    """Gradients on their way that are Tensors, with a past."""

    def hooked(self, g: Recorded | None, hooks: Sequence[Hook]) -> Recorded | None:
        if g is None:
            return None
        for hook in hooks:
            given = hook(tensor_of(g))
            g = g if given is None else recorded(from_hook(given, g))
        return g

    def add(self, target: Source, g: Recorded, *, is_ours: bool) -> None:
        below, output = target
        sums = self.at(below)
        sums[output] = g if sums[output] is None else sums[output] + g

    def pass_on(self, node: Node, outer: list[Recorded | None]) -> None:
        like = next(g for g in outer if g is not None)
        xp = module_of(like.data)
        arriving = [
            self.missing(xp, node, shape, dtype) if g is None else g.astype(dtype)
            for g, (shape, dtype) in zip(outer, node.types, strict=False)
        ]
        targets = node.sources if self.goal is None else self.targets(node, self.goal)
        needs = [target is not None for target in targets]
        conjugates = like.dtype.kind == "c" and node.conjugates
        if conjugates:
            arriving = [g.conj() for g in arriving]
        try:
            gradients = node.recorded_gradients(needs, arriving)
        except NonFiniteError as error:  # of an op in it, which is watched by itself
            raise NonFiniteError(
                f"the gradient of {node.name}, applied at {told(node.line)}: {error}"
            ) from None
        for i, (target, gx) in enumerate(zip(targets, gradients, strict=True)):
            if target is not None and gx is not None:
                reached = unbroadcast(as_recorded(gx, like), node.shapes[i])
                if reached.dtype.kind == "c":
                    reached = reached.conj() if conjugates else reached
                    reached = reached if is_complex(target) else recorded(real(reached))
                if self.watch is not None:
                    self.watch.gradient(node, i, reached.data)
                self.add(target, reached, is_ours=False)

    def missing(self, xp: Any, node: Node, shape: Shape, dtype: Any) -> Any:
        zeros = super().missing(xp, node, shape, dtype)
        return None if zeros is None else Recorded(zeros)

    def settle(self, leaf: Tensor, g: Recorded, is_ours: bool) -> None:
        total = g.astype(leaf.dtype)
        leaf.grad = tensor_of(total if leaf.grad is None else recorded(leaf.grad) + total)
        step = tape.current()
        if step is not None:
            step.meets(leaf)
            step.gives(leaf, leaf.grad)


def recorded_gradients(node: Node, needs: Sequence[bool], outer: Sequence[Recorded]) -> list[Any]:
    """The gradients of an op's operands, by its functions called with Recorded."""
    how = node.op.differentiable
    kept = dict(zip(node.how.kept, node.usable(), strict=True))
    inputs = node.op.signature.inputs
    xp = module_of(outer[0].data)
    buffers = [
        Recorded(xp.zeros(shape, outer[0].dtype)) if need else None
        for shape, need in zip(node.shapes, needs, strict=True)
    ][: len(inputs)]
    row = (*outer, needs, *buffers, *buffers, *(_linked(node, n, kept[n]) for n in how.kept))
    found: list[Any] = [None] * len(needs)
    for places, gradient in how.gradients:
        if not any(needs) or not (node.op.signature.is_variadic or any(needs[i] for i in places)):
            continue
        results = _of_ops(gradient.function)(namespace(xp), *gradient.pick(row))
        if node.op.signature.is_variadic:
            return list(results)
        if results is None:
            results = tuple(buffers[i] for i in places)
        elif len(places) == 1:
            results = (results,)
        for i, gx in zip(places, results, strict=True):
            found[i] = gx
    return found


def _linked(node: Node, name: str, value: Any) -> Any:
    """What a gradient names, with its past: an operand, an output; attributes as they are."""
    signature = node.op.signature
    if name in signature.inputs:
        if signature.is_variadic:
            return tuple(map(_operand, node.sources, value))
        return _operand(node.sources[signature.inputs.index(name)], value)
    if name in signature.outputs:
        place = signature.outputs.index(name)
        return _operand((node, place) if place < node.returned else None, value)
    return value


def _operand(target: Source | None, value: Any) -> Any:
    if not hasattr(value, "dtype") or value.dtype.kind not in "fc":
        return value
    made = Recorded(value)
    if target is not None:
        made.node, made.place = target  # type: ignore[assignment]
        made.requires_grad = True
    return made


@cache
def _of_ops(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, where it was lowered from a formula with ops for what NumPy lacks (erf …)."""
    own = getattr(function, "__globals__", {})
    if "__name__" in own:  # of a module
        return function
    ops: dict[str, Any] = {"cdf": _cdf}
    for name, value in own.items():
        if name in OPS and not isinstance(value, Op):
            ops[name] = lambda xp, *args, op=OPS[name]: op(*args)
    return FunctionType(function.__code__, {**own, **ops})


def _cdf(xp: Any, x: Recorded) -> Recorded:
    y: Recorded = 0.5 * (1 + OPS["erf"](0.7071067811865476 * x))
    return y


def _several(given: Any) -> list[Any]:
    return [given] if isinstance(given, Tensor) else list(given)


def _source(x: Tensor, name: str) -> Source:
    found = source(x)
    if found is None:
        raise GradientError(
            f"grad: {name} needs no gradient; set requires_grad=True on it, or on what it is made "
            "of, before it is used"
        )
    return found


def _result(
    g: Any, x: Tensor, place: int, allow_unused: bool, materialize_grads: bool
) -> Tensor | None:
    if g is None:
        if materialize_grads:
            return Tensor(module_of(x.data).zeros_like(x.data))
        if allow_unused:
            return None
        raise GradientError(
            f"grad: no output depends on input {place}; pass allow_unused=True to get None for it"
        )
    if isinstance(g, Recorded):
        return tensor_of(g.astype(x.dtype))
    if g.dtype != x.dtype:
        g = tape.compute(lambda given: given.astype(x.dtype), g)
    if isinstance(g, np.ndarray) and not g.flags.writeable:  # shown over and over by broadcasting
        g = tape.compute(np.copy, g)
    return Tensor(g)
