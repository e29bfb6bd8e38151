"""Text that goes on behind a prompt: one character after the other, drawn or the likeliest."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from azuraforge.engine import Tensor, no_grad
from azuraforge.engine.device import put
from azuraforge.engine.random import Generator
from azuraforge.errors import DataError
from azuraforge_text.corpus import UNKNOWN, Vocabulary

LONGEST = 10_000
ALLOWED = (
    f"allowed: a text, or an object of prompt (a text), length (1 to {LONGEST:,}), temperature "
    f"(0 to 100; 0: always the likeliest), top_k (above 0, or null) and seed (0 or above)"
)


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to write."""

    prompt: Annotated[str, Meta(min_length=1)]
    length: Annotated[int, Meta(ge=1, le=LONGEST)] = 200
    temperature: Annotated[float, Meta(ge=0, le=100)] = 0.8
    top_k: Annotated[int, Meta(ge=1)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**53)] = 0


def request_of(value: Any, index: int, vocabulary: Vocabulary) -> Request:
    """The request that an input is. Raises: DataError naming the input, and what is allowed."""
    given = {"prompt": value} if isinstance(value, str) else value
    try:
        request = msgspec.convert(given, Request)
    except msgspec.ValidationError as error:
        raise DataError(f"input {index}: {error}; {ALLOWED}") from error
    unknown = sorted(set(request.prompt) - set(vocabulary.characters))
    if unknown:
        raise DataError(
            f"input {index}: the prompt has {''.join(unknown)!r}, which the training text has not; "
            f"allowed: the characters {vocabulary.characters!r}"
        )
    return request


def write(model: Any, vocabulary: Vocabulary, request: Request) -> str:
    """`request.length` characters behind the prompt; the same ones for the same request.

    A character is told from those before it, at most model.context of them. What the model made of
    them is kept; once that is full, the later half of it is read anew.
    """
    generator = Generator(request.seed)
    device = next(model.parameters()).device
    codes = vocabulary.encode(request.prompt).tolist()
    caches, unread = model.caches(), codes[-model.context :]
    with no_grad():
        for _ in range(request.length):
            if len(caches[0]) + len(unread) > model.context:
                caches, unread = model.caches(), codes[-(model.context // 2) :]
            logits = model.read(Tensor(put(np.array([unread]), device)), caches).numpy()[0, -1]
            unread = [drawn(logits, request, generator)]
            codes += unread
    return vocabulary.decode(codes[-request.length :])


def drawn(logits: NDArray[np.float32], request: Request, generator: Generator) -> int:
    """A code by its probability under the request's temperature, or the likeliest where that is 0.

    Shape: logits (vocabulary,)
    """
    if request.temperature == 0:
        return int(probabilities(logits, 1.0, 1).argmax())
    sums = np.cumsum(probabilities(logits, request.temperature, request.top_k))
    draw = generator.uniform((), dtype=np.float64) * sums[-1]
    return int(np.searchsorted(sums, draw, side="right"))


def probabilities(
    logits: NDArray[np.float32], temperature: float, top_k: int | None
) -> NDArray[np.float64]:
    """softmax(logits / temperature) of the top_k largest; 0 for the others, and for UNKNOWN.

    Of equal logits at the edge of the top_k, those of the smaller codes are in.

    Shape: (vocabulary,) -> the same
    """
    scaled = logits.astype(np.float64)
    scaled[UNKNOWN] = -np.inf
    if top_k is not None:
        scaled[np.argsort(-scaled, kind="stable")[top_k:]] = -np.inf
    with np.errstate(over="ignore"):  # a difference over a tiny temperature is -∞, which is right
        powers = np.exp((scaled - scaled.max()) / temperature)
    found: NDArray[np.float64] = powers / powers.sum()
    return found
