"""Requests that are sent again because their reply was lost: one effect, the same answer.

A client gives each request that changes something a key of its own in the header Idempotency-Key,
and sends it again with the same. The latest answers are kept while the service lives.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"idempotency-key"
MOST = 1000  # answers; of a run's record each, some kilobytes
LONGEST = 200  # characters of a key

Answer = list[Message]


class Repeats(ASGIMiddleware):
    """Answers a request whose key is known as it was answered before, without doing it again."""

    scopes = (ScopeType.HTTP,)

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, bytes], asyncio.Future[Answer]] = OrderedDict()

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on, unless it was or is being answered."""
        key = dict(scope["headers"]).get(HEADER, b"")
        if scope.get("method") != "POST" or not 0 < len(key) <= LONGEST:
            return await next_app(scope, receive, send)
        place = (scope["path"], key)
        if place in self._answers:
            for message in await asyncio.shield(self._answers[place]):
                await send(message)
            return None
        answer: Answer = []

        async def keep(message: Message) -> None:
            answer.append(message)
            await send(message)

        told = self._answers[place] = asyncio.get_running_loop().create_future()
        try:
            await next_app(scope, receive, keep)
        finally:
            told.set_result(answer)
            if not _is_final(answer):
                del self._answers[place]  # who tries again may have more luck
            while len(self._answers) > MOST:
                self._answers.popitem(last=False)
        return None


def _is_final(answer: Answer) -> bool:
    """Whether the request was done or refused for good; an error of the service is neither."""
    return bool(answer) and answer[0]["type"] == "http.response.start" and answer[0]["status"] < 500
