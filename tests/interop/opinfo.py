"""PyTorch's database of ops, OpInfo, put to our functions: their samples, values and gradients."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from azuraforge.engine import nn
from azuraforge.engine.functions import FUNCTIONS
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import AzuraForgeError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

DRAWS = frozenset(  # by chance
    """
    normal bernoulli multinomial empty new_empty empty_like nn.functional.alpha_dropout
    nn.functional.dropout nn.functional.dropout2d nn.functional.dropout3d
    nn.functional.feature_alpha_dropout nn.functional.fractional_max_pool2d
    nn.functional.fractional_max_pool3d nn.functional.rrelu
    """.split()
)
FUNCTIONAL = "nn.functional."

ADAPTED: dict[str, Callable[..., Any]] = {  # where OpInfo itself calls PyTorch in another way
    "einsum": lambda tensors, equation: FUNCTIONS["einsum"](equation, tensors),
    "where": lambda x, condition, y: FUNCTIONS["where"](condition, x, y),
    "nn.functional.embedding": lambda weight, x, **options: nn.functional.embedding(
        x, weight, **options
    ),
    "nn.functional.embedding_bag": lambda weight, x, **options: nn.functional.embedding_bag(
        x, weight, **options
    ),
    "linalg.lstsq.grad_oriented": lambda a, b, driver: FUNCTIONS["linalg.lstsq"](
        a, b, driver=driver
    )[:2],
    "linalg.pinv.singular": lambda a, b: FUNCTIONS["linalg.pinv"](a @ b.mT),
}


def name_of(info: Any) -> str:
    """The name with its variant: `std.unbiased`."""
    return f"{info.name}.{info.variant_test_name}" if info.variant_test_name else info.name


def infos() -> dict[str, Any]:
    """The ops that take float64 and draw nothing by chance."""
    return {
        name_of(info): info
        for info in op_db
        if info.supports_dtype(torch.float64, "cpu") and info.name not in DRAWS
    }


def ours(info: Any) -> Callable[..., Any] | None:
    """Our function for an op; None where there is none."""
    found = ADAPTED.get(name_of(info)) or FUNCTIONS.get(info.name)
    if found is not None:
        return found
    attribute = getattr(Tensor, info.name, None)
    if isinstance(attribute, property):
        return lambda x: getattr(x, info.name)
    return attribute


def array_of(x: Any) -> Any:
    """The numbers of a PyTorch tensor, as NumPy has them."""
    return x.detach().resolve_conj().resolve_neg().numpy(force=True)


def strided(x: Any) -> Any:
    """The same numbers, with gaps between them in memory."""
    return np.repeat(x[..., None], 2, axis=-1)[..., 0]


def converted(x: Any, *, gaps: bool = False) -> Any:
    """Arguments of PyTorch as ours."""
    if isinstance(x, torch.Tensor):
        array = np.array(array_of(x), order="K")
        return Tensor(strided(array) if gaps else array, requires_grad=x.requires_grad)
    if isinstance(x, torch.dtype):
        return np.dtype(str(x).removeprefix("torch."))
    if isinstance(x, torch.device):
        return "cpu"
    if isinstance(x, torch.nn.PairwiseDistance):
        return nn.PairwiseDistance(x.norm, x.eps, x.keepdim)
    if isinstance(x, slice):
        return slice(converted(x.start), converted(x.stop), converted(x.step))
    if isinstance(x, list | tuple):
        return (list if isinstance(x, list) else tuple)(converted(each, gaps=gaps) for each in x)
    return x


def tensors_in(x: Any, kind: type) -> list[Any]:
    """The tensors in arguments or results, in their order."""
    if isinstance(x, kind):
        return [x]
    if isinstance(x, list | tuple):
        return [found for each in x for found in tensors_in(each, kind)]
    return []


def close(found: Any, wanted: Any, what: str, rtol: float = 1e-7, atol: float = 1e-8) -> None:
    """Raise AssertionError unless shapes, types and numbers are the same."""
    assert found.shape == wanted.shape, f"{what}: shape {found.shape} for {wanted.shape}"
    assert found.dtype == wanted.dtype, f"{what}: type {found.dtype} for {wanted.dtype}"
    if wanted.dtype == np.float32:
        rtol, atol = 1e-4, 1e-5
    np.testing.assert_allclose(found, wanted, rtol, atol, err_msg=what)


def weighted(y: Any, rng: np.random.Generator, theirs: bool) -> Any:
    """The sum of a result's elements, each with a weight of its own."""
    real, imag = rng.standard_normal(tuple(y.shape)), rng.standard_normal(tuple(y.shape))
    if theirs:
        parts = [(y.real, real), (y.imag, imag)] if y.is_complex() else [(y, real)]
        return sum((part * torch.tensor(w, dtype=part.dtype)).sum() for part, w in parts)
    parts = [(y.real, real), (y.imag, imag)] if y.dtype.kind == "c" else [(y, real)]
    total = None
    for part, w in parts:
        share = (part * Tensor(np.asarray(w, part.dtype))).sum()
        total = share if total is None else total + share
    return total


def check(info: Any, sample: Any, *, gaps: bool) -> None:
    """Compare values and all gradients of one sample, and the operands before and after.

    Raises: whatever shows a difference.
    """
    function = ours(info)
    assert function is not None
    args = converted([sample.input, *sample.args], gaps=gaps)
    options = {key: converted(x, gaps=gaps) for key, x in sample.kwargs.items()}
    own_inputs = tensors_in([*args, *options.values()], Tensor)
    wanted, found = info.op(sample.input, *sample.args, **sample.kwargs), function(*args, **options)
    inputs = tensors_in([sample.input, *sample.args, *sample.kwargs.values()], torch.Tensor)
    only = sample.output_process_fn_grad  # takes what does not depend on a choice, as signs do
    if only is not None:
        wanted, found = only(wanted), only(found)
    theirs, mine = tensors_in(wanted, torch.Tensor), tensors_in(found, Tensor)
    assert len(theirs) == len(mine), f"{len(mine)} results for {len(theirs)}"
    if not theirs:
        assert wanted == found, f"{found!r} for {wanted!r}"
    for y, own in zip(theirs, mine, strict=True):
        close(own.data, array_of(y), "value")
    if info.supports_autograd:
        _check_gradients(theirs, mine, inputs, own_inputs)
    for x, own in zip(inputs, own_inputs, strict=True):  # running statistics change in both
        np.testing.assert_allclose(own.data, array_of(x), 1e-12, err_msg="an operand was changed")


def _check_gradients(theirs: Any, mine: Any, inputs: Any, own_inputs: Any) -> None:
    pairs = [(x, own) for x, own in zip(inputs, own_inputs, strict=True) if x.requires_grad]
    results = [(y, own) for y, own in zip(theirs, mine, strict=True) if y.requires_grad]
    if not pairs or not results:
        return
    total = sum(weighted(y, np.random.default_rng(i), True) for i, (y, _) in enumerate(results))
    own_total = weighted(results[0][1], np.random.default_rng(0), False)
    for i, (_, own) in enumerate(results[1:], 1):
        own_total = own_total + weighted(own, np.random.default_rng(i), False)
    gradients = torch.autograd.grad(total, [x for x, _ in pairs], allow_unused=True)
    own_total.backward()
    for place, ((x, own), g) in enumerate(zip(pairs, gradients, strict=True)):
        wanted = np.zeros_like(array_of(x)) if g is None else array_of(g)
        found = np.zeros_like(own.data) if own.grad is None else own.grad.data
        close(found, wanted, f"gradient of {place}", 1e-6, 1e-7)


def undrawn(info: Any, sample: Any) -> None:
    """Let a sample of attention drop nothing by chance."""
    if "dropout_p" in sample.kwargs:
        sample.kwargs["dropout_p"] = 0.0
    if info.name == "nn.functional.multi_head_attention_forward":
        sample.args = (*sample.args[:9], 0.0, *sample.args[10:])


def verdict(info: Any) -> str:
    """Empty where all samples of an op pass, else the first difference."""
    if ours(info) is None:
        return "we have no function of this name"
    torch.manual_seed(0)
    samples = info.sample_inputs("cpu", torch.float64, requires_grad=info.supports_autograd)
    for number, sample in enumerate(samples):
        undrawn(info, sample)
        try:
            check(info, sample, gaps=bool(number % 2))
        except Exception as error:  # noqa: BLE001  whatever it is, the op does not pass
            said = " ".join(str(error).split())[:200]
            return f"sample {number}: {type(error).__name__}: {said}"
    return ""


def errors_named(info: Any) -> tuple[int, int]:
    """How many of the wrong calls of an op raise an error of ours that names it, of how many."""
    function, named, count = ours(info), 0, 0
    assert function is not None
    for wrong in info.error_inputs("cpu"):
        sample = wrong.sample_input
        count += 1
        try:
            args = converted([sample.input, *sample.args])
            function(*args, **{key: converted(x) for key, x in sample.kwargs.items()})
        except AzuraForgeError as error:
            named += str(error).split(":")[0].split("(")[0].endswith(info.name.strip("_"))
        except Exception:  # noqa: BLE001  an error that is not ours does not count
            continue
    return named, count


def tally(begin: str = "") -> None:
    """Print what passes and, of the rest, why not; of the ops whose names begin so."""
    chosen = {name: info for name, info in infos().items() if name.startswith(begin)}
    found = {name: (info, verdict(info)) for name, info in chosen.items()}
    for name, (info, why) in found.items():
        if why and info.supports_autograd:
            print(f"{name}: {why}")
    reasons: dict[str, list[str]] = {}
    for name, (info, why) in found.items():
        other = "differentiable" if info.supports_autograd else "others"
        reasons.setdefault(FUNCTIONAL if name.startswith(FUNCTIONAL) else other, []).append(why)
    for kind, each in reasons.items():
        print(f"{kind}: {each.count('')} of {len(each)} pass")
    print("pass:", *(name for name, (_, why) in found.items() if not why))


if __name__ == "__main__":
    tally(*sys.argv[1:])
