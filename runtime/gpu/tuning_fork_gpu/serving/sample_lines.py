"""Answers to `POST /v1/sample`: calls to samplers as lines, from the weights in training and from stored models."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from ..errors import Refusal
from ..protocol.messages import SampleBody
from ..sampling.sampler import Call, Ended, Sampler, Token

GATHER_SECONDS = 0.02
"""Tokens come faster than it is worth sending each by itself, the more so the more calls there are."""
GATHER_CALLS = 16
KEPT = 1
"""Stored models that stay in memory beside the one in training."""

Write = Callable[[Any], Awaitable[None]]


async def sample_lines(sampler: Sampler, body: SampleBody, write: Write) -> None:
    """A refusal is raised while no line was written; then it is a line. Cancelling this cancels the call."""
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()
    news: deque[Token | Ended | Refusal] = deque()

    def tell(one: Token | Ended | Refusal) -> None:
        news.append(one)
        if len(news) == 1 or not isinstance(one, Token):
            loop.call_soon_threadsafe(heard.set)

    call = Call(body.prompt, body.max_tokens, body.stop_ids, body.key, body.choice, tell)
    sampler.submit(call)
    first = True
    try:
        while True:
            await heard.wait()
            heard.clear()
            tokens: list[Token] = []
            while news and isinstance(token := news[0], Token):
                tokens.append(token)
                news.popleft()
            if tokens:
                await write(_line(tokens, first))
                first = False
            if news and not isinstance(news[0], Token):
                break
            await asyncio.sleep(GATHER_SECONDS * (1 + sampler.running // GATHER_CALLS))
            if news:
                heard.set()
    finally:
        sampler.cancel(call)
    end = news.popleft()
    if isinstance(end, Ended):
        await write({"done": {"finish": end.finish, "version": end.version, "cached": end.cached}})
    elif isinstance(end, Refusal):
        if first:
            raise end
        await write({"error": end.info()})


def _line(tokens: list[Token], first: bool) -> dict[str, Any]:
    line: dict[str, Any] = {"ids": [token.chosen.id for token in tokens], "logprobs": [token.chosen.logprob for token in tokens]}
    told = [token.chosen.top for token in tokens if token.chosen.top is not None]
    if told:
        line["top"] = {"ids": [id for ids, _ in told for id in ids], "logprobs": [logprob for _, logprobs in told for logprob in logprobs]}
    if first:
        line |= {"version": tokens[0].version, "cached": tokens[0].cached}
    return line


class StoredSamplers:
    """By their folder. The ones not used for longest are closed once nothing runs on them."""

    def __init__(self, open_sampler: Callable[[str], Awaitable[Sampler]]) -> None:
        self._open_sampler = open_sampler
        self._open: dict[str, asyncio.Future[Sampler]] = {}
        self._running: dict[str, int] = {}

    async def sample(self, folder: str, body: SampleBody, write: Write) -> None:
        opening = self._open.pop(folder, None) or asyncio.ensure_future(self._open_sampler(folder))
        self._open[folder] = opening
        self._running[folder] = self._running.get(folder, 0) + 1
        try:
            await sample_lines(await asyncio.shield(opening), body, write)
        finally:
            self._running[folder] -= 1
            await self._close_oldest()

    async def _close_oldest(self) -> None:
        for folder, opening in list(self._open.items()):
            if not opening.done():
                continue
            if opening.cancelled() or opening.exception() is not None:
                del self._open[folder]
            elif len(self._open) > KEPT and self._running[folder] == 0:
                del self._open[folder]
                await asyncio.to_thread(opening.result().close)

    async def close(self) -> None:
        for opening in self._open.values():
            if opening.done() and not opening.cancelled() and opening.exception() is None:
                await asyncio.to_thread(opening.result().close)
