"""Sampling from the weights in training: token in, token out, by continuous batching.

One thread prefills waiting calls and steps the running ones, which join and leave at any step. What a sequence samples depends on its
prompt, its key and the weights alone.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from .choosing import Choice, Chooser, Chosen
from .errors import Refusal
from .prefixes import Copy, Ids, Match, PrefixCache, common
from .randomness import TokenRandom
from .slabs import ATTENTION, Batch, Member, Prefill, Shape
from .steps import CudaRecorder, Recorder, Steps


Result = TypeVar("Result")

_WORTH_WAITING = 32
"""Tokens: a prompt that has more in common with one that is being computed waits for it."""


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


@dataclass(eq=False, slots=True)
class _Trunk:
    ids: Ids
    members: int = 0


@dataclass(eq=False, slots=True)
class _Sequence:
    call: Call
    random: TokenRandom
    tokens: Ids
    """Prompt and sampled tokens."""
    count: int
    cached: int
    trunk: _Trunk | None = None
    shared: int = 0
    """Tokens it has in common with its trunk, and not in its own slot."""

    @property
    def sampled(self) -> int:
        return self.count - len(self.call.prompt)

    @property
    def own(self) -> int:
        """Tokens in its slot: the last one sampled was not run yet."""
        return self.count - 1 - self.shared


@dataclass(eq=False, slots=True)
class _Prompt:
    """Being computed."""

    call: Call
    cached: int
    done: int


class _Ready(NamedTuple):
    """Its prompt is computed."""

    call: Call
    cached: int
    logits: Tensor
    copy: Copy


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


class Sampler:
    def __init__(self, model: PreTrainedModel, limits: Limits | None = None, *, version: int = 0, recorder: Recorder | None = None, note: Callable[[str], None] = lambda _: None) -> None:
        """`model` is the sampler's own from now on. `recorder` of steps: that of CUDA, where it is there. `note` hears what a person should know."""
        model.eval()
        model.set_attn_implementation(ATTENTION)
        self._model = model
        self._shape = Shape.of(model)
        self._limits = limits or Limits.of(self._shape.device)
        self._vocabulary = model.config.get_text_config().vocab_size
        self._cache = PrefixCache(self._shape, self._limits.cache_bytes)
        self._on_cuda = self._shape.device.type == "cuda"
        recorder = recorder or (CudaRecorder() if self._on_cuda else None)
        self._batch = Batch(self._shape, roomy=recorder is not None)
        self._steps = Steps(model, self._batch, recorder, note)
        self._sequences: list[_Sequence] = []
        """In the order of their slots."""
        self._trunks: list[_Trunk] = []
        self._chooser: Chooser | None = None
        """None where the batch has changed."""
        self._prefill: Prefill | None = None
        self._prompts: list[_Prompt] = []
        self._waiting: deque[Call] = deque()
        self._arrived: deque[Call] = deque()
        self._swap: _Swap | None = None
        self._closed = False
        self._wake = threading.Condition()
        self.stats = Stats()
        self.version = version
        self._thread = threading.Thread(target=self._work, name="sampler", daemon=True)
        self._thread.start()

    @property
    def running(self) -> int:
        return len(self._sequences) + len(self._prompts) + len(self._waiting) + len(self._arrived)

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
        with torch.cuda.stream(torch.cuda.Stream(self._shape.device)) if self._on_cuda else nullcontext():  # beside what is trained meanwhile
            while self._listen():
                self._drop_cancelled()
                self._run_prompts()
                if self._sequences:
                    self._step()
                if self._swap is not None:
                    self._try_swap(self._swap)

    def _listen(self) -> bool:
        """Takes in what has arrived; waits where there is nothing to do. False: closed."""
        with self._wake:
            while not (self._closed or self._sequences or self._prompts or self._swap or self._arrived or self._waiting):
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
            _tell(call, refusal)
        self._waiting.clear()

    def _refuse_begun(self, refusal: Refusal) -> None:
        for call in [one.call for one in (*self._sequences, *self._prompts)]:
            _tell(call, refusal)
        self._sequences, self._trunks, self._prompts, self._prefill, self._chooser = [], [], [], None, None

    def _try_swap(self, swap: _Swap) -> None:
        if self._sequences or self._prompts:
            if time.monotonic() < swap.deadline:
                return
            self._refuse_begun(Refusal(503, "policy", "The call was still running when the weights changed, so it was dropped.", "Send it again."))
        try:
            self._cache.clear()
            self._batch.clear()
            self._synchronize()
            swap.refresh()
            self._synchronize()
            self.version = swap.version
        except BaseException as error:  # whoever waits for the weights has to know
            swap.done.set_exception(error)
        else:
            swap.done.set_result(None)
        self._swap = None

    def _synchronize(self) -> None:
        """Weights are written and read on different streams."""
        if self._on_cuda:
            torch.cuda.synchronize(self._shape.device)

    def _drop_cancelled(self) -> None:
        for sequence in [one for one in self._sequences if one.call.cancelled]:
            self._leave(sequence)
        self._waiting = deque(call for call in self._waiting if not call.cancelled)
        if self._prompts and all(prompt.call.cancelled for prompt in self._prompts):
            self._prompts, self._prefill = [], None

    # Prompts

    def _run_prompts(self) -> None:
        """Runs waiting prompts, as many tokens as fit between two steps."""
        budget = self._limits.prefill_tokens
        while budget > 0 and (self._prompts or (self._swap is None and self._begin_prompts())):
            if self._prompts:
                calls = [prompt.call for prompt in self._prompts]
                try:
                    budget -= self._with_memory(lambda: self._run_chunk(budget))
                except Exception as error:
                    self._prompts, self._prefill = [], None
                    for call in calls:
                        _tell(call, _failure(error))

    def _begin_prompts(self) -> bool:
        """Starts calls whose prompt is known, and begins to compute others together: each once, however many wait for it. Whether there was any."""
        begun: list[tuple[_Prompt, Match]] = []
        ready: list[_Ready] = []
        later: list[Call] = []
        tokens = 0
        while self._waiting and self._has_room(self._waiting[0], len(begun) + len(ready)):
            call = self._waiting.popleft()
            match = self._cache.find(call.prompt)
            known = min(match.length, len(call.prompt) - 1)  # the last token is run for its logits
            if match.logits is not None:
                self.stats.cached += len(call.prompt)
                ready.append(_Ready(call, len(call.prompt), match.logits, match.copy))
            elif any(_waits_for(call.prompt, known, prompt.call.prompt) for prompt, _ in begun):
                later.append(call)
            elif begun and tokens + len(call.prompt) - known > self._limits.prefill_tokens:
                later.append(call)
                break
            else:
                tokens += len(call.prompt) - known
                self.stats.cached += known
                begun.append((_Prompt(call, known, known), match))
        self._waiting.extendleft(reversed(later))
        if begun:
            self._prompts = [prompt for prompt, _ in begun]
            most = max(len(prompt.call.prompt) - prompt.done for prompt in self._prompts)
            self._prefill = Prefill(self._shape, len(begun), max(prompt.done for prompt in self._prompts) + most)
            for row, (prompt, match) in enumerate(begun):
                match.copy(self._prefill.slab[:, :, row], 0, prompt.done)
        if ready:
            self._start(ready)
        return len(begun) + len(ready) > 0

    def _has_room(self, call: Call, begun: int) -> bool:
        running = len(self._sequences) + begun
        if running == 0:
            return True
        own = max([call.max_tokens, *(len(one.tokens) - one.shared for one in self._sequences)])
        trunk = max([len(call.prompt), *(len(one.ids) for one in self._trunks)])
        tokens = (running + 1) * own + (len(self._trunks) + begun + 1) * trunk
        return running < self._limits.batch and tokens * self._shape.bytes <= self._limits.batch_bytes

    def _run_chunk(self, budget: int) -> int:
        """The next tokens of all prompts that are being computed, as many of each. How many were run."""
        prefill, prompts = self._prefill, self._prompts
        left = [len(prompt.call.prompt) - prompt.done for prompt in prompts]
        count = max(1, min(max(left), budget // len(prompts)))
        ids = np.zeros((len(prompts), count), np.int64)
        for row, prompt in enumerate(prompts):
            part = prompt.call.prompt[prompt.done : prompt.done + count]
            ids[row, : len(part)] = part  # what pads a row comes after its tokens, so none of them sees it
        positions = torch.tensor([prompt.done for prompt in prompts])[:, None] + torch.arange(count)
        ends = sorted({one - 1 for one in left if one <= count} or {count - 1})
        prefill.begin(positions.to(self._shape.device))
        device = self._shape.device
        logits = self._model(
            input_ids=torch.from_numpy(ids).to(device), position_ids=positions.to(device), use_cache=False, logits_to_keep=torch.tensor(ends, device=device), slabs=prefill
        ).logits  # fmt: skip
        ready: list[_Ready] = []
        for row, prompt in enumerate(prompts):
            self.stats.prefilled += min(left[row], count)
            prompt.done += min(left[row], count)
            if left[row] <= count:
                last = logits[row, ends.index(left[row] - 1)]
                self._cache.insert(prompt.call.prompt, copy := _copier(prefill.slab[:, :, row]), last)
                ready.append(_Ready(prompt.call, prompt.cached, last, copy))
        rest = [row for row in range(len(prompts)) if left[row] > count]
        self._prompts = [prompts[row] for row in rest]
        if not rest:
            self._prefill = None
        elif ready:
            prefill.keep(rest)
        self._start([one for one in ready if not one.call.cancelled])
        return count * len(prompts)

    # Sequences

    def _start(self, ready: Sequence[_Ready]) -> None:
        """The first token is sampled from the prompt's logits; then the sequence joins the others."""
        if not ready:
            return
        chooser = Chooser([one.call.choice for one in ready], self._vocabulary, self._shape.device)
        sequences = [_Sequence(one.call, TokenRandom(one.call.key), _buffer(one.call), len(one.call.prompt), one.cached) for one in ready]
        chosen = chooser.draw(torch.stack([one.logits for one in ready]), [sequence.random.uniform(0) for sequence in sequences])
        joining = [(sequence, one.copy) for sequence, one, choice in zip(sequences, ready, chosen, strict=True) if self._take(sequence, choice)]
        self._batch.reserve(slots=len(self._sequences) + len(joining))
        for sequence, copy in joining:
            self._join(sequence, copy)

    def _join(self, sequence: _Sequence, copy: Copy) -> None:
        prompt = sequence.call.prompt
        trunk, shared = None, 0
        for other in self._trunks:
            if (alike := common(prompt, other.ids)) > shared:
                trunk, shared = other, alike
        if trunk is None or shared * 2 < len(prompt):
            trunk, shared = _Trunk(prompt), len(prompt)
            self._trunks.append(trunk)
            self._batch.reserve(trunks=len(self._trunks), trunk_tokens=shared)
            copy(self._batch.trunks[:, :, len(self._trunks) - 1], 0, shared)
        if shared < len(prompt):
            self._batch.reserve(slot_tokens=len(prompt) - shared)
            copy(self._batch.slots[:, :, len(self._sequences)], shared, len(prompt))
        trunk.members += 1
        sequence.trunk, sequence.shared = trunk, shared
        self._sequences.append(sequence)
        self._chooser = None

    def _step(self) -> None:
        sequences = list(self._sequences)
        try:
            if self._chooser is None:
                self._batch.arrange([Member(self._trunks.index(one.trunk), one.shared, one.own) for one in sequences])
                self._chooser = Chooser([one.call.choice for one in sequences], self._vocabulary, self._shape.device)
            ids = [int(one.tokens[one.count - 1]) for one in sequences]
            logits = self._with_memory(lambda: self._steps(ids))
            chosen = self._chooser.draw(logits, [one.random.uniform(one.sampled) for one in sequences])
        except Exception as error:
            for one in sequences:
                self._leave(one, keep=False)
                _tell(one.call, _failure(error))
            return
        self.stats.steps += 1
        self.stats.stepped += len(sequences)
        going = [not one.call.cancelled and self._take(one, choice) for one, choice in zip(sequences, chosen, strict=True)]
        for one, goes, choice in zip(sequences, going, chosen, strict=True):
            if not goes:
                self._leave(one, keep=choice is not None)

    def _take(self, sequence: _Sequence, chosen: Chosen | None) -> bool:
        """The next token. Whether the sequence goes on."""
        call, number = sequence.call, sequence.sampled
        if chosen is None:
            _tell(call, Refusal(
                422, "non-finite", f"The model's logits for token {number + 1} of this answer are not all finite numbers.",
                "The weights have diverged or the file is damaged: go back to an earlier checkpoint, or copy the model again.",
            ))  # fmt: skip
            return False
        sequence.tokens[sequence.count] = chosen.id
        sequence.count += 1
        self.stats.sampled += 1
        _tell(call, Token(chosen, sequence.cached, self.version))
        finish = "stop" if chosen.id in call.stop_ids else "length" if number + 1 == call.max_tokens else None
        if finish is not None:
            _tell(call, Ended(finish, sequence.cached, self.version))
        return finish is None

    def _leave(self, sequence: _Sequence, keep: bool = True) -> None:
        """The sequence's slot is free; what it knows stays for the next turn."""
        slot, trunk, batch = self._sequences.index(sequence), self._trunks.index(sequence.trunk), self._batch
        if not keep:
            batch.clear_slot(slot)
        else:
            self._cache.insert(sequence.tokens[: sequence.shared + sequence.own], _copier(batch.trunks[:, :, trunk], batch.slots[:, :, slot], sequence.shared))
        last = self._sequences.pop()
        if last is not sequence:
            batch.move_slot(len(self._sequences), slot, last.own)
            self._sequences[slot] = last
        sequence.trunk.members -= 1
        if sequence.trunk.members == 0:
            if not keep:
                batch.clear_trunk(trunk)
            moved = self._trunks.pop()
            if moved is not sequence.trunk:
                batch.move_trunk(len(self._trunks), trunk, len(moved.ids))
                self._trunks[trunk] = moved
        self._chooser = None

    def _with_memory(self, run: Callable[[], Result]) -> Result:
        """Once more without the cache where memory does not suffice."""
        try:
            return run()
        except torch.OutOfMemoryError:
            self._cache.clear()
        torch.cuda.empty_cache()
        return run()


def _waits_for(prompt: Ids, known: int, other: Ids) -> bool:
    """Whether most of it will be there once the other is computed."""
    alike = common(prompt, other)
    return alike == len(prompt) or alike > known + _WORTH_WAITING


def _buffer(call: Call) -> Ids:
    tokens = np.empty(len(call.prompt) + call.max_tokens, np.int32)
    tokens[: len(call.prompt)] = call.prompt
    return tokens


def _copier(values: Tensor, more: Tensor | None = None, at: int = 0) -> Copy:
    """Out of [layers, 2, heads, tokens, width]; from the token `at` on out of `more`."""

    def copy(region: Tensor, start: int, stop: int) -> None:
        if more is None:
            region[:, :, :, : stop - start] = values[:, :, :, start:stop]
            return
        if start < at:
            middle = min(at, stop)
            region[:, :, :, : middle - start] = values[:, :, :, start:middle]
        if stop > at:
            low = max(at, start)
            region[:, :, :, low - start : stop - start] = more[:, :, :, low - at : stop - at]

    return copy


def _tell(call: Call, news: Token | Ended | Refusal) -> None:
    if not call.cancelled:
        call.tell(news)


def _failure(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, torch.OutOfMemoryError):
        return Refusal(503, "policy", "The memory of the device does not suffice for this call.", "Send fewer calls at once, or shorter ones.")
    traceback.print_exception(error)
    return Refusal(500, "policy", f"{type(error).__name__}: {error}")
