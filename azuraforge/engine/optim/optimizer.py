"""What every optimizer shares: groups of parameters, state per parameter, both in and out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from azuraforge.engine.device import Array, is_array, module_of
from azuraforge.engine.grad import versions
from azuraforge.engine.replay import tape
from azuraforge.engine.tensor import Tensor
from azuraforge.errors import ConfigError, DTypeError, ShapeError

Group = dict[str, Any]  # "params", and the settings of these parameters
State = dict[str, Any]  # of one parameter: arrays of its shape, and numbers
CACHE_LINE = 64  # bytes
OTHERS = {"params", "param_names", "foreach", "fused", "capturable", "differentiable"}  # PyTorch's
Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Mapping[str, Any]]


class Optimizer:
    """Updates parameters in place from their gradients; a parameter without one stays as it is.

    `params` are Tensors, or groups of them with settings of their own: `{"params": …, "lr": 0.1}`.
    A group's settings may be changed between two steps. A subclass writes `initial` and `update`.
    """

    def __init__(self, params: Params, defaults: Mapping[str, Any]) -> None:
        if isinstance(params, Tensor) or not isinstance(params, Iterable):
            raise DTypeError(
                f"{type(self).__name__}: params argument given to the optimizer should be an "
                f"iterable of Tensors or dicts, but got {type(params).__name__}"
            )
        self.defaults = dict(defaults)
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, State] = {}
        given = list(params)
        if not given:
            raise ConfigError(f"{type(self).__name__}: there are no parameters to train")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)  # type: ignore[arg-type]

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Train these parameters, too. Raises: ConfigError if one is trained already."""
        who = type(self).__name__
        own = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        names = [p[0] for p in own if isinstance(p, tuple)]
        others = [known for known in self.param_groups if ("param_names" in known) != bool(names)]
        if others or len(names) not in (0, len(own)):
            raise ConfigError(
                f"{who}: all optimizer params should be with names or all without; "
                f"{len(names)} of {len(own)} have one, and other groups "
                f"{'differ' if others else 'agree'}"
            )
        params = [p[1] for p in own] if names else own
        for p in params:
            if not isinstance(p, Tensor):
                raise DTypeError(f"{who}: optimizer can only optimize Tensors, not {type(p)}")
            if p.node is not None:
                raise ConfigError(f"{who}: can't optimize a non-leaf Tensor of shape {p.shape}")
        if len(set(params)) < len(params):
            warnings.warn(
                f"{who}: optimizer contains a parameter group with duplicate parameters",
                stacklevel=3,
            )
        if not set(params).isdisjoint(self.params):
            raise ConfigError(f"{who}: some parameters appear in more than one parameter group")
        made = {**self.defaults, **group, "params": params}
        if names:
            made["param_names"] = names
        self.check(made)
        self.param_groups.append(made)

    @property
    def params(self) -> list[Tensor]:
        """The parameters of all groups."""
        return [p for group in self.param_groups for p in group["params"]]

    def check(self, group: Group) -> None:
        """Raise ConfigError for a setting that is out of its range."""
        lr = group["lr"]
        if math.prod(getattr(lr, "shape", ())) != 1:
            raise ConfigError(f"{type(self).__name__}: Tensor lr must be 1-element, got {lr}")
        self.allow("lr", lr, "lr >= 0", float(lr) >= 0)
        if "weight_decay" in group:
            decay = group["weight_decay"]
            self.allow("weight_decay", decay, "weight_decay >= 0", decay >= 0)
        for i, beta in enumerate(group.get("betas", ())):
            self.allow(f"betas[{i}]", beta, "0 <= beta < 1", 0 <= beta < 1)
        if isinstance(eps := group.get("eps"), int | float):
            self.allow("eps", eps, "eps >= 0", eps >= 0)

    def allow(self, name: str, given: Any, allowed: str, is_allowed: bool) -> None:
        """Raise ConfigError naming the setting, what was given and what is allowed."""
        if not is_allowed:
            raise ConfigError(f"{type(self).__name__}: {name} {given}; allowed: {allowed}")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient.

        `closure`, if given, computes the gradients anew; what it returns is returned.
        """
        loss = None if closure is None else closure()
        moves, changed = [], []
        for group in self.param_groups:
            members = [
                (p.data, p.grad.data, self._state_of(p, group))
                for p in group["params"]
                if p.grad is not None
            ]
            changed += [w for w, _, _ in members]
            moves.append(self.prepared(group, members))
        recorded = tape.current()
        with tape.recording(None):
            self._make(moves)
        versions.swept(self, f"{type(self).__name__}.step()", changed)
        if recorded is not None:
            recorded.changes(self, *changed)
            recorded.note(self._make, moves)
        return loss

    def _make(self, moves: Sequence[Callable[[], None]]) -> None:
        """A method, so that whoever replays the call sees whose state it moves on."""
        for move in moves:
            move()

    def _state_of(self, p: Tensor, group: Group) -> State:
        state = self.state.get(p)
        if state is None:
            state = self.state[p] = self.initial(p.data, group)
        return state

    def initial(self, w: Array, group: Group) -> State:
        """The state of a parameter before its first update."""
        raise NotImplementedError(f"{type(self).__name__}.initial is for a subclass to write")

    def prepared(
        self, group: Group, members: Sequence[tuple[Array, Array, State]]
    ) -> Callable[[], None]:
        """A function that updates these parameters of a group, each given as (w, g, state)."""

        def move() -> None:
            lr = float(group["lr"])
            for w, g, state in members:
                if "step" in state:
                    state["step"] += 1
                self.update(w, -g if group.get("maximize") else g, lr, state, group)

        return move

    def update(self, w: Array, g: Array, lr: float, state: State, group: Group) -> None:
        """Change `w` and its state in place, downhill of `g`; state["step"] is 1 at first."""
        raise NotImplementedError(f"{type(self).__name__}.update is for a subclass to write")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; or fill them with zeros."""
        for parameter in self.params:
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad.data[...] = 0

    def state_dict(self) -> dict[str, Any]:
        """As PyTorch's: `state` by the number of a parameter, `param_groups`; no copies."""
        params = self.params
        groups, at = [], 0
        for group in self.param_groups:
            numbers = list(range(at, at + len(group["params"])))
            groups.append({**group, "params": numbers})
            at += len(numbers)
        state = {i: dict(self.state[p]) for i, p in enumerate(params) if p in self.state}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where the state was taken, of ours or of PyTorch's optimizer of the same name.

        Raises: ConfigError, ShapeError if it does not fit.
        """
        who = f"{type(self).__name__}.load_state_dict"
        sizes = [len(group["params"]) for group in self.param_groups]
        given = [len(group["params"]) for group in state_dict["param_groups"]]
        if sizes != given:
            raise ConfigError(f"{who}: groups of {given} parameters do not fit groups of {sizes}")
        numbers = [i for group in state_dict["param_groups"] for i in group["params"]]
        loaded: dict[Tensor, State] = {}
        for number, p in zip(numbers, self.params, strict=True):
            if number in state_dict["state"]:
                values = state_dict["state"][number].items()
                loaded[p] = {key: _own(f"{who}: {key}.{number}", value, p) for key, value in values}
        for group, other in zip(self.param_groups, state_dict["param_groups"], strict=True):
            for key in other.keys() - OTHERS:
                _set(group, key, _plain(other[key]))
            for p in group["params"]:
                if p in loaded or p in self.state:
                    self._take(p, loaded.get(p) or self.initial(p.data, group))

    def _take(self, p: Tensor, new: State) -> None:
        """Arrays that are there already are written to, since a captured step knows them."""
        state = self.state.setdefault(p, {})
        for key, value in new.items():
            old: Any = state.get(key)
            if is_array(value) and is_array(old) and old.shape == value.shape:
                old[...] = value
            else:
                state[key] = value


def decayed(w: Array, g: Array, group: Group) -> Array:
    """The gradient with weight decay in it: g + weight_decay w."""
    return g + group["weight_decay"] * w if group["weight_decay"] else g


def zeros(w: Array) -> Array:
    """Zeros of the parameter's shape, type and order.

    On the CPU they begin on a cache line: updates of Adam that do not took twice as long.
    """
    if not isinstance(w, np.ndarray) or not w.flags.c_contiguous:
        return module_of(w).zeros_like(w)
    room = np.zeros(w.nbytes + CACHE_LINE, np.uint8)
    begin = -room.ctypes.data % CACHE_LINE
    return room[begin : begin + w.nbytes].view(w.dtype).reshape(w.shape)


def average(old: Array, new: Array, rate: float) -> None:
    """old += rate (new - old), in place."""
    old += rate * (new - old)


def _plain(setting: Any) -> Any:
    """A setting without an array around it."""
    return float(setting) if hasattr(setting, "ndim") else setting


def _set(group: Group, key: str, value: Any) -> None:
    """A Tensor stays the Tensor it is, since whoever gave it may change it later."""
    if isinstance(group.get(key), Tensor):
        group[key].data[...] = value
    else:
        group[key] = value


def _own(where: str, value: Any, p: Tensor) -> Any:
    """A state's value as ours: a number, an array of the parameter's kind, or a list of these."""
    if isinstance(value, (list, tuple)):
        return [_own(where, each, p) for each in value]
    if not hasattr(value, "shape"):
        return value
    xp = module_of(p.data)
    array = xp.asarray(value.data if isinstance(value, Tensor) else value)
    if array.ndim == 0:  # PyTorch keeps the step as a tensor
        return int(array) if float(array).is_integer() else float(array)
    if array.ndim == p.ndim and any(
        n not in (1, m) for n, m in zip(array.shape, p.shape, strict=True)
    ):
        raise ShapeError(f"{where}: {array.shape} does not fit {p.shape}")
    return array.astype(p.dtype)
