"""Our modules beside PyTorch's, over the inputs of its own module database, in float64.

module_passes.txt lists those that pass every case; one that no longer does fails here. One that
newly does is to be added: `pytest -s` prints what keeps the others from it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import AzuraForgeError

torch = pytest.importorskip("torch", reason="PyTorch is there for comparison (make peers)")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import module_db

INFOS = {info.name.removeprefix("nn."): info for info in module_db}
OURS = [name for name in INFOS if hasattr(nn, name)]
PASSING = Path(__file__).with_name("module_passes.txt").read_text().split()  # every case of theirs


def cases(name: str) -> list[Any]:
    """PyTorch's inputs of the module, in training and, where that differs, in evaluation."""
    info = INFOS[name]
    modes = (True, False) if info.train_and_eval_differ else (True,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(7)
        return [
            (case, training)
            for training in modes
            for case in info.module_inputs_func(
                info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
            )
        ]


def mapped(x: Any, kind: type, function: Callable[[Any], Any]) -> Any:
    """What is of a kind replaced, wherever it is."""
    if isinstance(x, kind):
        return function(x)
    if isinstance(x, dict):
        return {key: mapped(value, kind, function) for key, value in x.items()}
    if type(x) in (list, tuple):
        return type(x)(mapped(each, kind, function) for each in x)
    return x


def ours(x: Any) -> Any:
    """Their tensors, and types of elements, as ours."""
    x = mapped(x, torch.dtype, lambda dtype: str(dtype).removeprefix("torch."))
    x = mapped(x, torch.nn.TransformerEncoderLayer, our_layer)
    gelu = torch.nn.functional.gelu
    x = mapped(x, type(gelu), lambda own: getattr(nn.functional, own.__name__))
    return mapped(
        x, torch.Tensor, lambda t: Tensor(t.detach().numpy().copy(), requires_grad=t.requires_grad)
    )


def our_layer(layer: Any) -> nn.Module:
    """An encoder's layer as ours, made anew of what it was made of."""
    attention = layer.self_attn
    return nn.TransformerEncoderLayer(
        attention.embed_dim, attention.num_heads, layer.linear1.out_features, layer.dropout.p,
        layer.activation.__name__, layer.norm1.eps, attention.batch_first, layer.norm_first,
        attention.in_proj_bias is not None,
    )  # fmt: skip


def as_leaf(t: Any) -> Any:
    """A tensor that holds its own gradient, even where theirs came out of an op."""
    return t.detach().clone().requires_grad_(t.requires_grad)


def leaves(x: Any, kind: type) -> list[Any]:
    """The tensors of a nested result, in order."""
    if isinstance(x, kind):
        return [x]
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, list | tuple) else ()
    return [leaf for part in parts for leaf in leaves(part, kind)]


def compare(name: str, case: Any, training: bool) -> None:
    """Raise where the output or a gradient of ours is not theirs."""
    made, given = case.constructor_input, case.forward_input
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(torch.nn, name)(*made.args, **made.kwargs).double().train(training)
    module = getattr(nn, name)(*ours(made.args), **ours(made.kwargs)).double().train(training)
    module.load_state_dict({path: x.numpy() for path, x in theirs.state_dict().items()})
    their_inputs = mapped((given.args, given.kwargs), torch.Tensor, as_leaf)
    inputs = ours(their_inputs)
    results = leaves(module(*inputs[0], **inputs[1]), Tensor)
    expected = leaves(theirs(*their_inputs[0], **their_inputs[1]), torch.Tensor)

    backward(results, lambda y: Tensor(np.ones_like(y.data)))
    backward(expected, torch.ones_like)

    pairs = list(zip(results, expected, strict=True))
    own, their = leaves(inputs, Tensor), leaves(their_inputs, torch.Tensor)
    pairs += [(x.grad, t.grad) for x, t in zip(own, their, strict=True)]
    parameters = dict(theirs.named_parameters())
    pairs += [(x.grad, parameters[path].grad) for path, x in module.named_parameters()]
    for ours_, theirs_ in pairs:
        same(ours_, theirs_)


def backward(results: list[Any], ones: Callable[[Any], Any]) -> None:
    for y in results:
        if y.requires_grad:
            y.backward(ones(y), retain_graph=True)


def same(own: Any, their: Any) -> None:
    if their is None:
        assert own is None or not np.any(own.data)
        return
    expected = their.detach().numpy()
    array = np.zeros_like(expected) if own is None else own.data
    assert array.shape == expected.shape
    np.testing.assert_allclose(array, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's own, of old arguments
@pytest.mark.parametrize("name", PASSING)
def test_outputs_and_gradients_are_pytorchs(name: str) -> None:
    for case, training in cases(name):
        compare(name, case, training)


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's own, of old arguments
def test_the_list_of_passing_modules_is_whole() -> None:
    rest = [name for name in OURS if name not in PASSING]

    reasons = {name: [reason(name, *case) for case in cases(name)] for name in rest}

    print(f"\n{len(PASSING)} of {len(INFOS)} modules pass every case; the others that we have:")
    for name, each in reasons.items():
        print(f"{name} {each.count(None)}/{len(each)}: {next(filter(None, each), 'to be added')}")
    assert not [name for name, each in reasons.items() if not any(each)]


def reason(name: str, case: Any, training: bool) -> str | None:
    """What keeps a case from passing."""
    try:
        compare(name, case, training)
    except Exception as error:  # noqa: BLE001  any of ours is a case that does not pass; the tally says which
        return f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
    return None


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's own, of the inputs it makes
def test_wrong_calls_are_refused_by_the_modules_name() -> None:
    calls = [
        (name, case)
        for name, info in INFOS.items()
        if info.module_error_inputs_func is not None and hasattr(nn, name)
        for training in ((True, False) if info.train_and_eval_differ else (True,))
        for case in info.module_error_inputs_func(
            info, device="cpu", dtype=torch.float64, requires_grad=False, training=training
        )
    ]

    refused = [is_refused(name, case) for name, case in calls]

    print(f"\n{sum(refused)} of {len(refused)} wrong calls of modules are refused by name")
    assert len(refused) > 100
    assert sum(refused) >= 0.95 * len(refused)


def is_refused(name: str, case: Any) -> bool:
    """Whether the constructor, or else the call, raises an error of ours that names the module."""
    made, given = case.module_error_input.constructor_input, case.module_error_input.forward_input
    try:
        module = getattr(nn, name)(*ours(made.args), **ours(made.kwargs))
        if given is not None:
            module.double()(*ours(given.args), **ours(given.kwargs))
    except AzuraForgeError as error:
        return (
            name.lower() in str(error).lower() or str(error).split(":")[0].lower() in name.lower()
        )
    return False
