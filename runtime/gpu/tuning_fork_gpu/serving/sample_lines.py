"""Answers to `POST /v1/sample`: calls to samplers as lines, from the weights in training and from stored models."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Refusal
from ..protocol.requests import SampleBody
from ..sampling.choosing import Choice
from ..sampling.sampler import Call, Ended, Sampler, Token

GATHER_SECONDS = 0.02
"""Tokens come faster than it is worth sending each by itself, the more so the more calls there are."""
GATHER_CALLS = 16
KEPT = 1
"""Stored models that stay in memory beside the one in training."""

Write = Callable[[Any], Awaitable[None]]


async def sample_lines(sampler: Sampler, body: SampleBody, write: Write) -> None:
    """Cancelling this cancels the call."""
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()
    news: deque[Token | Ended | Refusal] = deque()

    def tell(one: Token | Ended | Refusal) -> None:
        news.append(one)
        if len(news) == 1 or not isinstance(one, Token):
            loop.call_soon_threadsafe(heard.set)

    choice = Choice(body.temperature, body.top_p, body.top_k, body.top)
    call = Call(np.array(body.prompt, np.int32), body.max_tokens, body.stop_ids, body.key, choice, tell)
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
    if isinstance(end, Refusal):
        raise end
    assert isinstance(end, Ended)
    await write({"done": {"finish": end.finish, "version": end.version, "cached": end.cached}})


def _line(tokens: list[Token], first: bool) -> dict[str, Any]:
    line: dict[str, Any] = {"ids": [token.chosen.id for token in tokens], "logprobs": [token.chosen.logprob for token in tokens]}
    told = [token.chosen.top for token in tokens if token.chosen.top is not None]
    if told:
        line["top"] = {"ids": [id for ids, _ in told for id in ids], "logprobs": [logprob for _, logprobs in told for logprob in logprobs]}
    if first:
        line |= {"version": tokens[0].version, "cached": tokens[0].cached}
    return line


@dataclass
class _Stored:
    opening: asyncio.Future[Sampler]
    calls: int = 0

    @property
    def sampler(self) -> Sampler | None:
        """Where it is open."""
        failed = not self.opening.done() or self.opening.cancelled() or self.opening.exception() is not None
        return None if failed else self.opening.result()


class StoredSamplers:
    """By their folder. The ones not used for longest are closed once nothing runs on them."""

    def __init__(self, open_sampler: Callable[[Path], Awaitable[Sampler]]) -> None:
        self._open_sampler = open_sampler
        self._stored: dict[Path, _Stored] = {}

    async def sample(self, folder: Path, body: SampleBody, write: Write) -> None:
        stored = self._stored.pop(folder, None) or _Stored(asyncio.ensure_future(self._open_sampler(folder)))
        self._stored[folder] = stored
        stored.calls += 1
        try:
            await sample_lines(await asyncio.shield(stored.opening), body, write)
        finally:
            stored.calls -= 1
            idle = [folder for folder, one in self._stored.items() if one.calls == 0 and one.opening.done()]
            failed = [folder for folder in idle if self._stored[folder].sampler is None]
            await self._close(failed or idle[: max(0, len(self._stored) - KEPT)])

    async def close(self) -> None:
        await self._close(list(self._stored))

    async def _close(self, folders: list[Path]) -> None:
        """Whoever comes meanwhile finds them gone."""
        for sampler in [self._stored.pop(folder).sampler for folder in folders]:
            if sampler is not None:
                await asyncio.to_thread(sampler.close)
