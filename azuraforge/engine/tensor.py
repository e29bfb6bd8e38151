"""Tensor: an array, its gradient, and operators that record."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from azuraforge.engine import autocast, exchange
from azuraforge.engine.device import Array, array_module, device_of, module_of, put
from azuraforge.engine.grad import autograd, hooks, versions, views
from azuraforge.engine.grad.modes import is_grad_enabled
from azuraforge.engine.grad.watch import current as watch_in_force
from azuraforge.engine.ops import elementwise, matmul, reduce
from azuraforge.engine.ops import shape as layout
from azuraforge.engine.ops.op import Op
from azuraforge.engine.replay import tape
from azuraforge.errors import DTypeError, GradientError, ShapeError


class Tensor:
    """An array of any shape that can carry a gradient.

    `data` is a NumPy or CuPy array; `grad`, once backward() has reached a leaf, a Tensor like it.
    """

    __slots__ = (
        "__weakref__", "base", "data", "grad", "hooks", "node", "place", "requires_grad",
    )  # fmt: skip
    __array_ufunc__ = None  # so that `array + tensor` asks the tensor
    __array__, __dlpack__ = exchange.as_array, exchange.dlpack
    __dlpack_device__ = exchange.dlpack_device
    __deepcopy__, __reduce_ex__ = exchange.deep_copy, exchange.refuse_pickle

    def __init__(self, data: Array, requires_grad: bool = False) -> None:
        self.data = data
        self.grad: Tensor | None = None
        self.node: autograd.Node | None = None  # the applied op it came from; None for a leaf
        self.place = 0  # which of that op's outputs it is
        self.requires_grad = requires_grad
        self.base: views.View | None = None  # whose memory it shows, if it is another's
        self.hooks: dict[int, hooks.Hooks] | None = None  # of a leaf, as of a node

    @staticmethod
    def __apply_op__(op: Op, inputs: Sequence[Any], attributes: dict[str, Any]) -> Any:
        """Run `op` on the operands' arrays, and record it where an operand needs a gradient."""
        mode = autocast.current()
        if mode is not None:
            inputs = [mode.operand(op.name, x) for x in inputs]
        bound = op.bind(inputs, attributes)
        arrays = [x.data if isinstance(x, Tensor) else _operand(op, x) for x in inputs]
        how = op.implementation(arrays, bound)
        watch = watch_in_force()
        if watch is None:
            outputs = op.run(arrays, bound, how)
        else:
            outputs = watch.run(op, inputs, arrays, bound, how)
        results = [Tensor(output) for output in outputs[: op.returned]]
        if how.gradients and is_grad_enabled():
            sources = [autograd.source(x) if isinstance(x, Tensor) else None for x in inputs]
            if any(sources):
                node = autograd.Node(op, how, sources, arrays, outputs, bound)
                for place, result in enumerate(results):
                    result.node, result.place, result.requires_grad = node, place, True
        if op.is_view and isinstance(inputs[0], Tensor):
            views.note(results[0], inputs[0], op, bound)
        return results[0] if op.returned == 1 else tuple(results)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    @property
    def ndim(self) -> int:
        return int(self.data.ndim)

    @property
    def dtype(self) -> np.dtype[Any]:
        found: np.dtype[Any] = self.data.dtype
        return found

    @property
    def device(self) -> str:
        return device_of(self.data)

    @property
    def is_leaf(self) -> bool:
        return self.node is None

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return self.permute(*reversed(range(self.ndim)))

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of every leaf it was made of.

        `gradient` is the gradient of this tensor, of its shape; 1 for a single number. With
        `create_graph` the gradients can be differentiated in turn; with `inputs` only these get
        theirs.

        Raises: GradientError if nothing here needs a gradient, if the graph was used up, or if
                a tensor of several numbers comes without `gradient`; ShapeError if it does not fit.
        """
        from azuraforge.engine.grad import higher  # here: it builds on this module

        higher.backward(self, gradient, retain_graph, create_graph, inputs)

    def numpy(self) -> np.ndarray[Any, Any]:
        """The numbers as a NumPy array on the CPU, shared where they are there already.

        Raises: GradientError for a tensor that needs a gradient; detach() it first.
        """
        if self.requires_grad:
            raise GradientError("numpy: this tensor needs a gradient; use .detach().numpy()")
        read("numpy()")
        array: np.ndarray[Any, Any] = put(self.data, "cpu")
        return array

    def item(self) -> float:
        """The single number in it. Raises: ShapeError where there is not just one."""
        if self.data.size != 1:
            raise ShapeError(f"item: shape {self.shape}; allowed: a tensor of one number")
        read("item()")
        return self.data.item()  # type: ignore[no-any-return]

    def detach(self) -> Tensor:
        """The same numbers, with no past and no gradient."""
        return Tensor(self.data)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set whether backward() collects a gradient here.

        Raises: GradientError for the result of an op, and for whole numbers.
        """
        if self.node is not None:
            raise GradientError("requires_grad_: only a leaf can be told; use .detach() first")
        if requires_grad and self.dtype.kind not in "fc":
            raise GradientError(f"requires_grad_: {self.dtype} has no gradient; use .to('float32')")
        self.requires_grad = requires_grad
        return self

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> hooks.RemovableHandle:
        """Call `hook` with the gradient when it comes here; what it returns, if so, replaces it.

        Raises: GradientError for a tensor that needs no gradient.
        """
        return hooks.on_tensor(self, hook)

    def retain_grad(self) -> None:
        """Let backward() write `.grad` here too, where an op made the tensor.

        Raises: GradientError for a tensor that needs no gradient.
        """
        hooks.retain(self)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called, on the result of an op."""
        return hooks.is_retained(self)

    def to(self, target: Any) -> Tensor:
        """On a device ("cpu", "cuda") or of an element type; itself where nothing changes.

        Raises: DeviceError for a device that does not work.
        """
        if isinstance(target, str) and target in ("cpu", "cuda"):
            return self if self.device == target else _tensor(layout.to_device(self, device=target))
        dtype = np.dtype(target)
        return self if self.dtype == dtype else _tensor(layout.cast(self, dtype=dtype))

    def accumulate(self, g: Array, *, is_ours: bool = False) -> None:
        """Add `g` to this leaf's gradient; it becomes the gradient if it is nobody else's."""
        recorded = tape.current()
        if recorded is not None:
            recorded.meets(self)
        if self.grad is not None:
            tape.run(tape.add_to, self.grad.data, g)
            return
        is_ours = is_ours and g.dtype == self.data.dtype
        own = g if is_ours else tape.empty(module_of(g), self.data.shape, self.data.dtype)
        self.grad = Tensor(own)
        if recorded is not None:
            recorded.gives(self, self.grad)
        if not is_ours:
            tape.run(tape.copy_to, self.grad.data, g)

    def gradient_sum(self) -> Array:
        """This leaf's gradient to add to; it begins with zeros."""
        if self.grad is None:
            self.accumulate(module_of(self.data).zeros_like(self.data))
        assert self.grad is not None
        return self.grad.data

    def __add__(self, other: Any) -> Tensor:
        return _tensor(elementwise.add(self, other))

    def __radd__(self, other: Any) -> Tensor:
        return _tensor(elementwise.add(other, self))

    def __sub__(self, other: Any) -> Tensor:
        return _tensor(elementwise.sub(self, other))

    def __rsub__(self, other: Any) -> Tensor:
        return _tensor(elementwise.sub(other, self))

    def __mul__(self, other: Any) -> Tensor:
        return _tensor(elementwise.mul(self, other))

    def __rmul__(self, other: Any) -> Tensor:
        return _tensor(elementwise.mul(other, self))

    def __truediv__(self, other: Any) -> Tensor:
        return _tensor(elementwise.div(self, other))

    def __rtruediv__(self, other: Any) -> Tensor:
        return _tensor(elementwise.div(other, self))

    def __pow__(self, other: Any) -> Tensor:
        return _tensor(elementwise.pow(self, other))

    def __matmul__(self, other: Any) -> Tensor:
        return _tensor(matmul.matmul(self, other))

    def __rmatmul__(self, other: Any) -> Tensor:
        return _tensor(matmul.matmul(other, self))

    def __neg__(self) -> Tensor:
        return _tensor(elementwise.neg(self))

    def __gt__(self, other: Any) -> Tensor:
        return _tensor(elementwise.gt(self, other))

    def __ge__(self, other: Any) -> Tensor:
        return _tensor(elementwise.ge(self, other))

    def __lt__(self, other: Any) -> Tensor:
        return _tensor(elementwise.lt(self, other))

    def __le__(self, other: Any) -> Tensor:
        return _tensor(elementwise.le(self, other))

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return _tensor(elementwise.eq(self, other))

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return _tensor(elementwise.ne(self, other))

    def abs(self) -> Tensor:
        return _tensor(elementwise.abs(self))

    def exp(self) -> Tensor:
        return _tensor(elementwise.exp(self))

    def log(self) -> Tensor:
        return _tensor(elementwise.log(self))

    def sqrt(self) -> Tensor:
        return _tensor(elementwise.sqrt(self))

    def square(self) -> Tensor:
        return _tensor(elementwise.square(self))

    def tanh(self) -> Tensor:
        return _tensor(elementwise.tanh(self))

    def sigmoid(self) -> Tensor:
        return _tensor(elementwise.sigmoid(self))

    def relu(self) -> Tensor:
        return _tensor(elementwise.relu(self))

    def sum(self, dim: reduce.Axis = None, keepdim: bool = False) -> Tensor:
        return _tensor(reduce.sum(self, axis=dim, keepdims=keepdim))

    def mean(self, dim: reduce.Axis = None, keepdim: bool = False) -> Tensor:
        return _tensor(reduce.mean(self, axis=dim, keepdims=keepdim))

    def amax(self, dim: reduce.Axis = None, keepdim: bool = False) -> Tensor:
        return _tensor(reduce.amax(self, axis=dim, keepdims=keepdim))

    def logsumexp(self, dim: reduce.Axis, keepdim: bool = False) -> Tensor:
        return _tensor(reduce.logsumexp(self, axis=dim, keepdims=keepdim))

    def argmax(self, dim: int | None = None) -> Tensor:
        return _tensor(reduce.argmax(self, axis=dim))

    def reshape(self, *shape: int) -> Tensor:
        return _tensor(layout.reshape(self, shape=_flat(shape)))

    def permute(self, *dims: int) -> Tensor:
        return _tensor(layout.permute(self, dims=_flat(dims)))

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        dims = list(range(self.ndim))
        dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
        return self.permute(*dims)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """Axes start_dim to end_dim as one."""
        if not self.ndim:
            return self.reshape(1)
        start, end = start_dim % self.ndim, end_dim % self.ndim + 1
        joined = math.prod(self.shape[start:end])
        return self.reshape(*self.shape[:start], joined, *self.shape[end:])

    def __getitem__(self, index: Any) -> Tensor:
        parts = index if isinstance(index, tuple) else (index,)
        arrays = tuple(part.data if isinstance(part, Tensor) else part for part in parts)
        return _tensor(layout.getitem(self, index=arrays))

    def __setitem__(self, index: Any, value: Any) -> None:
        from azuraforge.engine.grad import inplace  # here: it builds on this module

        parts = index if isinstance(index, tuple) else (index,)
        arrays = tuple(part.data if isinstance(part, Tensor) else part for part in parts)
        inplace.assigned(self, arrays if isinstance(index, tuple) else arrays[0], value)

    @property
    def _version(self) -> int:
        """How often the memory of this tensor was changed in place."""
        return versions.version(self.data)

    def __repr__(self) -> str:
        flags = ", requires_grad=True" if self.requires_grad else ""
        body = np.array2string(put(self.data, "cpu"), precision=4, separator=", ", prefix="tensor(")
        return f"tensor({body}, dtype={self.dtype}, device={self.device!r}{flags})"

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        if not self.ndim:
            raise ShapeError("len: a tensor of shape () has no length")
        return self.shape[0]

    def __bool__(self) -> bool:
        read("a test of its truth")
        return bool(self.data)

    def __float__(self) -> float:
        read("float()")
        return float(self.data.item())

    __hash__ = object.__hash__


def tensor(
    data: Any, *, dtype: Any = None, device: str = "cpu", requires_grad: bool = False
) -> Tensor:
    """A tensor holding a copy of `data`: numbers, nested sequences, an array or a tensor.

    Python floats become float32, whole numbers int64; arrays keep their element type.

    Raises: DeviceError for a device that does not work; GradientError for a gradient of integers.
    """
    xp = array_module(device)
    source = put(data.data, device) if isinstance(data, Tensor) else data
    array = xp.array(source, dtype=dtype)
    if dtype is None and array.dtype == np.float64 and not hasattr(source, "dtype"):
        array = array.astype(np.float32)
    return Tensor(array).requires_grad_(requires_grad)


def read(how: str) -> None:
    """Tell a tape in force that numbers leave the arrays, where no call can follow them."""
    recorded = tape.current()
    if recorded is not None:
        recorded.refuse(f"it reads numbers out of a tensor by {how}")


def _tensor(result: Any) -> Tensor:
    """An op's result as the checker should see it."""
    assert isinstance(result, Tensor)
    return result


def _operand(op: Op, x: Any) -> Any:
    """A plain operand as ops take it: an array, or a Python number, which adapts to the arrays."""
    if type(x) is np.float64:  # a Python float too, which must not turn float32 into float64
        return float(x)
    if isinstance(x, float | int):
        return x
    if not hasattr(x, "__array_ufunc__"):
        raise DTypeError(
            f"{op.name}: operand {x!r} is {type(x).__name__}; allowed: Tensor, array, number"
        )
    return x


def _flat(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one or as one sequence."""
    return tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
