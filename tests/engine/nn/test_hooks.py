"""Hooks of modules, beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from azuraforge.engine import nn
from azuraforge.engine.replay.capture import capture
from azuraforge.engine.tensor import Tensor, tensor
from azuraforge.errors import GradientError

torch = pytest.importorskip("torch")


def numbers(*shape: int) -> Any:
    return np.random.default_rng(4).standard_normal(shape)


def pair() -> tuple[Any, Any]:
    """A small net, and PyTorch's with the same numbers."""
    mine = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    theirs.double().load_state_dict({k: torch.tensor(v) for k, v in mine.state_dict().items()})
    return mine, theirs


def array(x: Any) -> Any:
    return None if x is None else x.detach().numpy()


def both(register: Any) -> list[list[Any]]:
    """What hooks saw, and the gradients, with our modules and with PyTorch's."""
    results = []
    for model, make in zip(pair(), (tensor, torch.tensor), strict=True):
        seen: list[Any] = []
        handle = register(model, seen)
        for _ in range(2):  # the second time without the hook
            x = make(numbers(5, 3), requires_grad=True)
            y = model(x)
            (y * y).sum().backward()
            seen += [array(y), array(x.grad), *(array(p.grad) for p in model.parameters())]
            handle.remove()
        results.append(seen)
    return results


def forward(model: Any, seen: list[Any]) -> Any:
    def hook(module: Any, args: Any, output: Any) -> Any:
        seen.extend([array(args[0]), array(output)])
        return output * 2.0

    return model[1].register_forward_hook(hook)


def forward_pre(model: Any, seen: list[Any]) -> Any:
    def hook(module: Any, args: Any) -> Any:
        seen.append(array(args[0]))
        return args[0] * 3.0

    return model[2].register_forward_pre_hook(hook)


def backward(model: Any, seen: list[Any]) -> Any:
    def hook(module: Any, inner: Any, outer: Any) -> Any:
        seen.extend([array(inner[0]), array(outer[0])])
        return (inner[0] * 5.0,)

    return model[1].register_full_backward_hook(hook)


def backward_pre(model: Any, seen: list[Any]) -> Any:
    def hook(module: Any, outer: Any) -> Any:
        seen.append(array(outer[0]))
        return (outer[0] * 7.0,)

    return model[1].register_full_backward_pre_hook(hook)


def backward_of_the_whole(model: Any, seen: list[Any]) -> Any:
    return model.register_full_backward_hook(
        lambda module, inner, outer: seen.extend([array(inner[0]), array(outer[0])])
    )


@pytest.mark.parametrize(
    "register", [forward, forward_pre, backward, backward_pre, backward_of_the_whole]
)
def test_hooks_see_and_change_what_torchs_do(register: Any) -> None:
    mine, theirs = both(register)

    assert len(mine) == len(theirs)
    for own, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-12, atol=1e-12)


def test_a_backward_hook_runs_where_no_input_needs_a_gradient() -> None:
    layer, seen = nn.Linear(3, 2), []
    layer.register_full_backward_hook(lambda module, inner, outer: seen.append((inner, outer)))

    layer(tensor(numbers(4, 3).astype(np.float32))).sum().backward()

    ((inner, (g,)),) = seen
    assert inner == (None,)
    assert g.data.tolist() == [[1, 1]] * 4


class Scaled(nn.Module):
    def forward(self, x: Any, *, scale: float = 1.0) -> Any:
        return x * scale


def test_modules_take_arguments_by_name_and_so_do_hooks_that_ask() -> None:
    module, seen = Scaled(), []
    module.register_forward_pre_hook(
        lambda module, args, named: (args, {"scale": named["scale"] + 1}), with_kwargs=True
    )
    module.register_forward_hook(
        lambda module, args, named, output: seen.append(named), with_kwargs=True
    )

    y = module(tensor([1.0]), scale=2.0)

    assert y.item() == 3.0
    assert seen == [{"scale": 3.0}]


def test_hooks_run_in_their_order_and_prepended_ones_first() -> None:
    module, seen = Scaled(), []
    module.register_forward_hook(lambda *_: seen.append("first"))
    module.register_forward_hook(lambda *_: seen.append("second"))
    module.register_forward_hook(lambda *_: seen.append("before"), prepend=True)

    module(tensor([1.0]))

    assert seen == ["before", "first", "second"]


def test_a_hook_that_is_always_called_sees_an_error_go_by() -> None:
    module, seen = Scaled(), []
    module.register_forward_hook(lambda m, args, y: seen.append(y), always_call=True)

    with pytest.raises(TypeError):
        module()

    assert seen == [None]


def test_a_backward_hook_that_gives_too_few_gradients_is_refused() -> None:
    layer = nn.Tanh()
    layer.register_full_backward_hook(lambda module, inner, outer: ())

    with pytest.raises(GradientError, match="Tanh: a full_backward_hook gave 0 gradients"):
        layer(tensor([1.0], requires_grad=True)).backward()


def test_a_step_with_forward_hooks_is_captured_and_recorded_anew_without() -> None:
    layer = nn.Linear(3, 2).double()
    handle = layer.register_forward_hook(lambda module, args, y: y * 2.0)

    @capture
    def step(x: Tensor) -> Tensor:
        return layer(x).sum()

    x = tensor(numbers(4, 3))
    doubled = [step(x).item() for _ in range(4)]
    was_replayed = step.is_replayed
    handle.remove()
    plain = step(x).item()

    assert was_replayed
    assert doubled == pytest.approx([2 * plain] * 4)
