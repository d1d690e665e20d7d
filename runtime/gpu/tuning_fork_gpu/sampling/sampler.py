"""Sampling: token in, token out, for calls that come and go at any time. How the model is run is in `cached.py` and `plain.py`."""

from __future__ import annotations

import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from transformers import PreTrainedModel

from ..errors import Refusal
from .choosing import Choice, Chosen
from .prefixes import Ids
from .randomness import TokenRandom


class Limits(NamedTuple):
    batch: int = 64
    """Sequences that take steps together."""
    batch_bytes: int = 2**30
    """The most the keys and values of these may grow to."""
    cache_bytes: int = 2**28
    """For the keys and values of sequences that have ended."""
    prefill_tokens: int = 512
    """Prompt tokens that are run between two steps of the running sequences."""

    @staticmethod
    def of(device: torch.device) -> Limits:
        """A part of the memory that is free now: the rest is for training."""
        if device.type != "cuda":
            return Limits()
        free, _ = torch.cuda.mem_get_info(device)
        return Limits(batch=256, batch_bytes=free // 5, cache_bytes=free // 10, prefill_tokens=8192)


@dataclass(eq=False, slots=True)
class Call:
    prompt: Ids
    max_tokens: int
    stop_ids: frozenset[int]
    key: int
    choice: Choice
    tell: Callable[[Token | Ended | Refusal], None]
    """Called on the sampler's thread, token by token, and last with how it ended."""
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    chosen: Chosen
    cached: int
    version: int


@dataclass(frozen=True, slots=True)
class Ended:
    finish: str
    """`stop` or `length`"""
    cached: int
    version: int


@dataclass(eq=False)
class Sequence:
    """A call that is being answered."""

    call: Call
    cached: int = 0

    def __post_init__(self) -> None:
        prompt = self.call.prompt
        self.random = TokenRandom(self.call.key)
        self.tokens = np.empty(len(prompt) + self.call.max_tokens, np.int32)
        """Prompt and sampled tokens."""
        self.tokens[: len(prompt)] = prompt
        self.count = len(prompt)

    @property
    def sampled(self) -> int:
        return self.count - len(self.call.prompt)

    @property
    def uniform(self) -> float:
        """What decides on its next token."""
        return self.random.uniform(self.sampled)


@dataclass(slots=True)
class Stats:
    """Counted since it was opened."""

    prefilled: int = 0
    """Prompt tokens the model was run on."""
    cached: int = 0
    sampled: int = 0
    steps: int = 0
    stepped: int = 0
    """Sequences that took part in all steps together."""


@dataclass(slots=True)
class _Swap:
    refresh: Callable[[], None]
    version: int
    deadline: float
    done: Future[None] = field(default_factory=Future)


class Sampler(ABC):
    """One thread runs the model for all calls. What a call samples depends on its prompt, its key and the weights alone."""

    def __init__(self, model: PreTrainedModel, *, version: int = 0) -> None:
        """`model` is the sampler's own from now on."""
        self._model = model.eval()
        self._device = model.device
        self._vocabulary = model.config.get_text_config().vocab_size
        self._waiting: deque[Call] = deque()
        self._arrived: deque[Call] = deque()
        self._swap: _Swap | None = None
        self._closed = False
        self._wake = threading.Condition()
        self.stats = Stats()
        self.version = version
        self._thread = threading.Thread(target=self._work, name="sampler", daemon=True)

    @abstractmethod
    def _advance(self) -> None:
        """Begins what waits, unless there is a swap, and makes a step of what has begun."""

    @abstractmethod
    def _begun(self) -> list[Call]:
        """Those that are neither waiting nor over."""

    @abstractmethod
    def _abandon(self) -> None:
        """All that has begun."""

    @abstractmethod
    def _drop_cancelled(self) -> None:
        """Of what has begun."""

    @abstractmethod
    def _forget(self) -> None:
        """What was computed with these weights. Nothing has begun."""

    @property
    def running(self) -> int:
        return len(self._begun()) + len(self._waiting) + len(self._arrived)

    def submit(self, call: Call) -> None:
        with self._wake:
            if self._closed:
                raise Refusal(503, "policy", "The sampler is closed.")
            self._arrived.append(call)
            self._wake.notify()

    def cancel(self, call: Call) -> None:
        """It is told nothing more."""
        call.cancelled = True
        with self._wake:
            self._wake.notify()

    def swap(self, refresh: Callable[[], None], version: int, wait: float = 30.0) -> None:
        """New weights, which `refresh` writes into the model: running calls end first, those still running after `wait` seconds are dropped."""
        swap = _Swap(refresh, version, time.monotonic() + wait)
        with self._wake:
            if self._closed:
                raise Refusal(503, "policy", "The sampler is closed.")
            assert self._swap is None, "swaps come one after the other"
            self._swap = swap
            self._wake.notify()
        swap.done.result()

    def close(self) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    @torch.inference_mode()
    def _work(self) -> None:
        stream = torch.cuda.stream(torch.cuda.Stream(self._device)) if self._device.type == "cuda" else nullcontext()
        with stream:  # beside what is trained meanwhile
            self._wait_for_weights()
            while self._listen():
                try:
                    self._turn()
                except Exception as error:  # whatever it is, whoever waits is told, and those to come are served
                    self._refuse_all(failure(error))

    def _turn(self) -> None:
        self._drop_cancelled()
        self._waiting = deque(call for call in self._waiting if not call.cancelled)
        self._advance()
        if self._swap is not None:
            self._try_swap(self._swap)

    def _listen(self) -> bool:
        """Takes in what has arrived; waits where there is nothing to do. False: closed."""
        with self._wake:
            while not (self._closed or self._swap or self.running):
                self._wake.wait()
            self._waiting.extend(self._arrived)
            self._arrived.clear()
        if not self._closed:
            return True
        self._refuse_all(Refusal(503, "policy", "The trainer is shutting down.", "Start it again, and send the call again."))
        if self._swap is not None:
            self._swap.done.set_exception(Refusal(503, "policy", "The sampler is closed."))
        return False

    def _refuse_all(self, refusal: Refusal) -> None:
        self._refuse_begun(refusal)
        for call in self._waiting:
            tell(call, refusal)
        self._waiting.clear()

    def _refuse_begun(self, refusal: Refusal) -> None:
        begun = self._begun()
        self._abandon()
        for call in begun:
            tell(call, refusal)

    def _try_swap(self, swap: _Swap) -> None:
        if self._begun():
            if time.monotonic() < swap.deadline:
                return
            self._refuse_begun(Refusal(503, "swapped", "The call was still running when the weights changed, so it was dropped.", "Send it again."))
        try:
            self._forget()
            self._wait_for_weights()
            swap.refresh()
            if self._device.type == "cuda":
                torch.cuda.current_stream(self._device).synchronize()  # from now on they may be trained again
            self.version = swap.version
        except BaseException as error:  # whoever waits for the weights has to know
            swap.done.set_exception(error)
        else:
            swap.done.set_result(None)
        self._swap = None

    def _wait_for_weights(self) -> None:
        """They are written on the stream of training. Waiting for the whole device would break what another sampler records."""
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).wait_stream(torch.cuda.default_stream(self._device))

    def _take(self, sequence: Sequence, chosen: Chosen | None) -> bool:
        """The next token. Whether the sequence goes on."""
        call, number = sequence.call, sequence.sampled
        if chosen is None:
            tell(call, Refusal(
                422, "non-finite", f"The model's logits for token {number + 1} of this answer are not all finite numbers.",
                "The weights have diverged or the file is damaged: go back to an earlier checkpoint, or copy the model again.",
            ))  # fmt: skip
            return False
        sequence.tokens[sequence.count] = chosen.id
        sequence.count += 1
        self.stats.sampled += 1
        tell(call, Token(chosen, sequence.cached, self.version))
        finish = "stop" if chosen.id in call.stop_ids else "length" if number + 1 == call.max_tokens else None
        if finish is not None:
            tell(call, Ended(finish, sequence.cached, self.version))
        return finish is None


def tell(call: Call, news: Token | Ended | Refusal) -> None:
    if not call.cancelled:
        call.tell(news)


def failure(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, torch.OutOfMemoryError):
        return Refusal(503, "policy", "The memory of the device does not suffice for this call.", "Send fewer calls at once, or shorter ones.")
    traceback.print_exception(error)
    return Refusal(500, "policy", f"{type(error).__name__}: {error}")
