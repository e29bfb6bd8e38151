"""Our modules beside PyTorch's, over the inputs of its own module database, in float64."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn
from azuraforge.engine.tensor import Tensor

torch = pytest.importorskip("torch", reason="PyTorch is there for comparison (make peers)")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import module_db

INFOS = {info.name.removeprefix("nn."): info for info in module_db}
OURS = [name for name in INFOS if hasattr(nn, name)]
PASSING = """
AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d
AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d CELU Conv1d Conv2d Conv3d ConvTranspose1d
ConvTranspose2d ConvTranspose3d ELU Embedding GELU GLU Hardshrink Hardswish Hardtanh LPPool1d
LPPool2d LPPool3d LayerNorm LeakyReLU LogSigmoid MaxPool1d MaxPool2d MaxPool3d Mish PReLU ReLU ReLU6
SELU SiLU Sigmoid Softmax2d Softplus Softshrink Softsign Tanh Tanhshrink Threshold
""".split()  # every case: a module that leaves this list has got worse


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


def ours(x: Any) -> Any:
    """Their tensors as ours, wherever they are."""
    if torch.is_tensor(x):
        return Tensor(x.detach().numpy().copy(), requires_grad=x.requires_grad)
    if isinstance(x, dict):
        return {key: ours(value) for key, value in x.items()}
    return type(x)(map(ours, x)) if type(x) in (list, tuple) else x


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
    inputs = ours(given.args), ours(given.kwargs)
    results = leaves(module(*inputs[0], **inputs[1]), Tensor)
    expected = leaves(theirs(*given.args, **given.kwargs), torch.Tensor)

    backward(results, lambda y: Tensor(np.ones_like(y.data)))
    backward(expected, torch.ones_like)

    pairs = list(zip(results, expected, strict=True))
    own, their = leaves(inputs, Tensor), leaves((given.args, given.kwargs), torch.Tensor)
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


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", PASSING)
def test_outputs_and_gradients_are_pytorchs(name: str) -> None:
    for case, training in cases(name):
        compare(name, case, training)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_list_of_passing_modules_is_whole() -> None:
    passed, whole, lines, seen = 0, set(), [], 0
    for name in OURS:
        reasons = [reason(name, *case) for case in cases(name)]
        good = reasons.count(None)
        passed, seen = passed + good, seen + len(reasons)
        if good == len(reasons):
            whole.add(name)
        else:
            first = next(filter(None, reasons))
            lines.append(f"{name} {good}/{len(reasons)}: {first}")
    print(
        f"\n{len(whole)} of {len(INFOS)} modules pass fully; {passed} of {seen} cases",
        *lines,
        sep="\n",
    )

    assert whole == set(PASSING)


def reason(name: str, case: Any, training: bool) -> str | None:
    """What keeps a case from passing."""
    try:
        compare(name, case, training)
    except Exception as error:  # noqa: BLE001  any of ours is a case that does not pass; the tally says which
        return f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
    return None
