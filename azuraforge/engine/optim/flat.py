"""An optimizer's state as arrays and plain values, for files and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azuraforge.engine.device import Array, is_array


def flat(state_dict: Mapping[str, Any]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays by `number.name`, and the rest, which JSON can hold. `nested` is the way back."""
    arrays: dict[str, Array] = {}
    numbers: dict[str, Any] = {}
    for number, state in state_dict["state"].items():
        for name, value in state.items():
            (arrays if is_array(value) else numbers)[f"{number}.{name}"] = value
    groups = [dict(group) for group in state_dict["param_groups"]]
    return arrays, {"numbers": numbers, "groups": groups}


def nested(arrays: Mapping[str, Array], values: Mapping[str, Any]) -> dict[str, Any]:
    """The state that `flat` took apart."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in (*arrays.items(), *values["numbers"].items()):
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = value
    return {"state": state, "param_groups": values["groups"]}
