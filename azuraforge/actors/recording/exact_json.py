"""Values as JSON that reads back as they were."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from azuraforge.errors import AzuraForgeError, RefusedError


def exact_json(
    place: str,
    value: Any,
    kind: msgspec.json.Decoder[Any],
    *,
    refusal: type[AzuraForgeError] = RefusedError,
) -> str:
    """The value as JSON that reads back as its kind. Raises: the refusal, naming the place."""
    try:
        text = msgspec.json.encode(value, order="deterministic")  # a dict's own order is none
        if b"null" in text:  # so NaN and Inf are written, but not they alone
            _check_finite(type(value).__name__, msgspec.to_builtins(value))
        kind.decode(text)
    except (TypeError, ValueError) as error:
        raise refusal(f"{place}: {error}") from error
    return text.decode()


def _check_finite(path: str, value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{path} is {value}; only finite numbers can be kept")
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            _check_finite(f"{path}.{key}", inner)
