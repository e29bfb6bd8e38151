"""The graph walked backwards without recursion, its gradients brought to leaves or to a goal.

A walk counts how often each node is used, then takes nodes whose users are all done; leaves collect
what reaches them in `.grad`, unless the walk has a goal: then the gradients of the goal's tensors
are what it gives, and nothing else is touched. A walk that records goes the same way with Tensors
for arrays (recorded.py), and leaves a graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from azuraforge.engine.device import Array, module_of
from azuraforge.engine.grad.autograd import Node, Source
from azuraforge.engine.grad.modes import no_grad
from azuraforge.engine.grad.watch import current as watch_in_force
from azuraforge.engine.ops.op import Shape
from azuraforge.engine.ops.order import as_given
from azuraforge.engine.replay import tape
from azuraforge.errors import GradientError, ShapeError

if TYPE_CHECKING:
    from azuraforge.engine.tensor import Tensor

Hook = Callable[..., "Tensor | None"]


class Goal:
    """The tensors whose gradients a walk is to give, and the nodes on the ways to them."""

    def __init__(self, wanted: Sequence[Source], roots: Iterable[Source]) -> None:
        self.found: dict[Source, Any] = dict.fromkeys(wanted)
        self._wanted = set(wanted)
        self._leads = self._leading(roots)

    def wants(self, target: Source | None) -> bool:
        """Whether a gradient is to go there: the target is wanted itself, or leads on."""
        return target is not None and (target in self._wanted or target[0] in self._leads)

    def leads(self, node: Node) -> bool:
        return node in self._leads

    def take(self, node: Node | Tensor, arrived: Sequence[Any]) -> None:
        """Write down what arrived at a node's outputs, where it is wanted."""
        for place, g in enumerate(arrived):
            if (node, place) in self._wanted:
                self.found[node, place] = g

    def _leading(self, roots: Iterable[Source]) -> set[Node | Tensor]:
        users: dict[Node | Tensor, list[Node]] = {}
        stack = list({target[0] for target in roots})
        seen: set[Node | Tensor] = set(stack)
        starts: set[Node | Tensor] = set()
        while stack:
            node = stack.pop()
            for target in node.sources if isinstance(node, Node) else ():
                if target is None:
                    continue
                assert isinstance(node, Node)
                users.setdefault(target[0], []).append(node)
                if target in self._wanted:
                    starts.add(node)
                if target[0] not in seen:
                    seen.add(target[0])
                    stack.append(target[0])
        leads, stack = set(starts), list(starts)
        while stack:
            for user in users.get(stack.pop(), ()):
                if user not in leads:
                    leads.add(user)
                    stack.append(user)
        return leads


def walk(
    roots: Sequence[tuple[Source, Any]],
    *,
    retain_graph: bool = False,
    goal: Goal | None = None,
    arrived: Arrivals | None = None,
) -> None:
    """Bring the gradients of the roots down to the leaves, or to a goal.

    Raises: GradientError if the graph was already used up; NonFiniteError in anomaly mode.
    """
    arrived = Arrivals(goal) if arrived is None else arrived
    for target, g in roots:
        arrived.add(target, g, is_ours=False)
    waiting = _uses([target[0] for target, _ in roots], goal)
    ready = [node for node, uses in waiting.items() if uses == 0]
    with np.errstate(all="ignore"):
        while ready:
            node = ready.pop()
            outer = arrived.sums.pop(node, None)
            if outer is not None and (node.hooks is not None or goal is not None):
                outer = arrived.attended(node, outer)
            if outer is not None:  # else nothing above it had a gradient to give
                arrived.pass_on(node, outer)
            for target in node.sources:
                below = None if target is None else target[0]
                if isinstance(below, Node) and below in waiting:
                    waiting[below] -= 1
                    if waiting[below] == 0:
                        ready.append(below)
            if not retain_graph:
                node.kept = None
        arrived.finish()


class Arrivals:
    """Gradients on their way: for each output of a node, the sum of those that came so far.

    What is ours may be written to: a buffer that a gradient filled, or a sum that was made here.
    A leaf takes what comes at once, unless it has hooks or the walk has a goal.
    """

    def __init__(self, goal: Goal | None = None) -> None:
        self.goal = goal
        self.watch = watch_in_force()
        self.sums: dict[Node | Tensor, list[Any]] = {}
        self._ours: set[Source] = set()

    def attended(self, node: Node | Tensor, arrived: list[Any]) -> list[Any]:
        """What arrived at the outputs of a node, after its hooks; a goal takes what it wants."""
        if node.hooks is not None:
            for place, hooks in node.hooks.items():
                arrived[place] = self.hooked(arrived[place], list(hooks.values()))
        if self.goal is not None:
            self.goal.take(node, arrived)
        return arrived

    def hooked(self, g: Array | None, hooks: Sequence[Hook]) -> Array | None:
        """A gradient as hooks leave it."""
        if g is None:
            return None
        with no_grad():
            for hook in hooks:
                given = hook(_tensor(g))
                g = g if given is None else from_hook(given, g).data
        return g

    def add(self, target: Source, g: Array, *, is_ours: bool) -> None:
        """Add a gradient to what arrived at an output of a node, or at a leaf."""
        below, output = target
        if not isinstance(below, Node) and self.goal is None and below.hooks is None:
            below.accumulate(g, is_ours=is_ours)
            return
        sums = self.at(below)
        found = sums[output]
        if found is None:
            sums[output] = g
        elif (below, output) in self._ours:
            tape.run(tape.add_to, found, g)
        elif is_ours:
            tape.run(tape.add_to, g, found)
            sums[output] = g
        else:
            is_ours, sums[output] = True, tape.empty_like(module_of(g), found)
            tape.run(_add, found, g, sums[output])
        if is_ours:
            self._ours.add((below, output))

    def sum_at(self, target: Source, like: Array) -> Array:
        """What arrived at a target, as an array of ours that a gradient may add itself to."""
        below, output = target
        if not isinstance(below, Node) and self.goal is None and below.hooks is None:
            return below.gradient_sum()
        sums = self.at(below)
        found = sums[output]
        if found is None or (below, output) not in self._ours:
            self._ours.add((below, output))
            shape, dtype = (
                below.types[output] if isinstance(below, Node) else (below.shape, below.dtype)
            )
            sums[output] = as_given(module_of(like), (like,), shape, dtype)
            tape.run(tape.copy_to, sums[output], 0 if found is None else found)
        return sums[output]

    def at(self, node: Node | Tensor) -> list[Any]:
        """What arrived at each output of a node, or at a leaf, to be added to."""
        sums = self.sums.get(node)
        if sums is None:
            sums = self.sums[node] = [None] * (node.returned if isinstance(node, Node) else 1)
        return sums

    def pass_on(self, node: Node, outer: list[Array | None]) -> None:
        """Let the gradients of a node's outputs become gradients of what its operands came from."""
        like: Any = outer[0] if len(outer) == 1 else next(g for g in outer if g is not None)
        xp, how = module_of(like), node.how
        arriving = [
            self.missing(xp, node, shape, dtype)
            if g is None
            else g
            if g.dtype == dtype
            else _cast(g, dtype)
            for g, (shape, dtype) in zip(outer, node.types, strict=False)
        ]
        targets = node.sources if self.goal is None else self.targets(node, self.goal)
        sums = (
            {i: self.sum_at(t, like) for i in summed if (t := targets[i]) is not None}
            if (summed := how.summed)
            else {}
        )
        needs = [target is not None for target in targets]
        conjugates = like.dtype.kind == "c" and node.conjugates
        if conjugates:
            arriving = [None if g is None else _conjugate(g) for g in arriving]
        if self.watch is None:
            gradients = node.gradients(xp, needs, arriving, sums)
        else:
            with self.watch.looking():
                gradients = node.gradients(xp, needs, arriving, sums)
        for i, (target, gx) in enumerate(zip(targets, gradients, strict=True)):
            if target is None or gx is None:
                continue
            reached = unbroadcast(gx, node.shapes[i])
            if isinstance(reached, np.generic):  # NumPy's of () shapes; kernels read its address
                reached = np.asarray(reached)
            if reached.dtype.kind == "c":
                reached = _conjugate(reached) if conjugates else reached
                reached = reached if is_complex(target) else _real(reached)
            if self.watch is not None:
                self.watch.gradient(node, i, reached)
            if i not in sums:
                self.add(target, reached, is_ours=how.fills(i))

    def missing(self, xp: Any, node: Node, shape: Shape, dtype: Any) -> Any:
        """What stands for the gradient of an output that nothing came back to."""
        return xp.zeros(shape, dtype) if node.materializes and dtype is not None else None

    def targets(self, node: Node, goal: Goal) -> Sequence[Source | None]:
        """Where a node's gradients are to go on the ways to a goal, None for other operands."""
        return [target if goal.wants(target) else None for target in node.sources]

    def finish(self) -> None:
        """Bring leaves what waited for the last of its parts; a goal what no walk took further."""
        for below in list(self.sums):
            is_ours = (below, 0) in self._ours
            arrived = self.attended(below, self.sums.pop(below))
            if self.goal is None and not isinstance(below, Node):
                self.settle(below, arrived[0], is_ours)

    def settle(self, leaf: Tensor, g: Array, is_ours: bool) -> None:
        """Add to a leaf's gradient."""
        leaf.accumulate(g, is_ours=is_ours)


def from_hook(given: Any, g: Any) -> Any:
    """What a hook gave in the place of g. Raises: GradientError for what is no such gradient."""
    if getattr(given, "shape", None) != g.shape or not hasattr(given, "node"):
        said = getattr(given, "shape", type(given).__name__)
        raise GradientError(
            f"backward: a hook gave {said} for a gradient {g.shape}; allowed: a Tensor of that "
            "shape, or None"
        )
    return given


def _add(one: Array, other: Array, total: Array) -> None:
    module_of(one).add(one, other, out=total)


def _uses(roots: Iterable[Node | Tensor], goal: Goal | None) -> dict[Any, int]:
    """How often each node below the roots is used as an operand, on the ways to the goal."""
    uses = dict.fromkeys(
        (n for n in roots if isinstance(n, Node) and (goal is None or goal.leads(n))), 0
    )
    stack = list(uses)
    while stack:
        for target in stack.pop().sources:
            if target is not None and isinstance(target[0], Node):
                node = target[0]
                if node not in uses:
                    if goal is not None and not goal.leads(node):
                        continue
                    uses[node] = 0
                    stack.append(node)
                uses[node] += 1
    return uses


def _tensor(g: Array) -> Tensor:
    from azuraforge.engine.tensor import Tensor  # here: tensor.py builds on this module

    return Tensor(g)


def is_complex(target: Source) -> bool:
    """Whether the numbers are complex that a gradient goes to."""
    below, output = target
    dtype = below.types[output][1] if isinstance(below, Node) else below.dtype
    return dtype.kind == "c"


def _conjugate(g: Array) -> Array:
    return tape.compute(lambda given: given.conj(), g)


def _real(g: Array) -> Array:
    return tape.compute(lambda given: given.real.copy(), g)


def _cast(g: Array, dtype: np.dtype[Any]) -> Array:
    return tape.compute(lambda given: given.astype(dtype), g)


def unbroadcast(g: Array, shape: Shape) -> Array:
    """`g` summed over the axes along which an operand of `shape` was broadcast."""
    if g.shape == shape:
        return g
    over = broadcast_axes(g.shape, shape)
    return tape.compute(lambda given: given.sum(over, keepdims=True).reshape(shape), g)


def broadcast_axes(given: Shape, shape: Shape) -> tuple[int, ...]:
    """The axes along which broadcasting an array of `shape` to the given shape repeats it."""
    extra = len(given) - len(shape)
    if extra < 0:
        raise ShapeError(f"backward: a gradient {given} came for an operand {shape}")
    axes = tuple(i + extra for i, n in enumerate(shape) if n == 1 and given[i + extra] != 1)
    return (*range(extra), *axes)
