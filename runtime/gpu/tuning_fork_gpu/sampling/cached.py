"""
Sampling with keys and values of what was computed before, in batches that calls join and leave at any step. A prompt is computed once for all
calls that share it, at once or later.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Row
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..device import release
from .choosing import Chooser
from .prefixes import Copy, Ids, Match, PrefixCache, common
from .sampler import Call, Limits, Sampler, Sequence, failure, tell
from .slabs import ATTENTION, Batch, Member, Prefill, Shape
from .steps import CudaRecorder, Recorder, Steps

Result = TypeVar("Result")

_WORTH_WAITING = 32
"""Tokens: a prompt that has more in common with one that is being computed waits for it."""
_EXPECTED = 1024
"""Tokens: most answers are shorter than they may be."""


@dataclass(eq=False, slots=True)
class _Trunk:
    ids: Ids
    members: int = 0


@dataclass(eq=False)
class _Running(Sequence):
    trunk: _Trunk = field(init=False)
    shared: int = field(default=0, init=False)
    """Tokens it has in common with its trunk, and not in its own slot."""

    @property
    def own(self) -> int:
        """Tokens in its slot: the last one sampled was not run yet."""
        return self.count - 1 - self.shared

    @property
    def expected(self) -> int:
        """Tokens its slot will have to hold, as far as one can say."""
        return len(self.call.prompt) - self.shared + min(self.call.max_tokens, max(_EXPECTED, 2 * self.sampled))


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


class CachedSampler(Sampler):
    def __init__(
        self, model: PreTrainedModel, limits: Limits | None = None, *, version: int = 0, recorder: Recorder | None = None,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """`recorder` of steps: that of CUDA, where it is there. `note` hears what a person should know."""
        super().__init__(model, version=version)
        model.set_attn_implementation(ATTENTION)
        self._shape = Shape.of(model)
        self._limits = limits or Limits.of(self._device)
        self._cache = PrefixCache(self._shape, self._limits.cache_bytes)
        recorder = recorder or (CudaRecorder() if self._device.type == "cuda" else None)
        self._batch = Batch(self._shape, roomy=recorder is not None)
        self._steps = Steps(model, self._batch, recorder, note)
        self._sequences: list[_Running] = []
        """In the order of their slots."""
        self._trunks: list[_Trunk] = []
        self._chooser: Chooser | None = None
        """None where the batch has changed."""
        self._prefill = Prefill(self._shape, 0, 0)
        self._prompts: list[_Prompt] = []
        self._thread.start()

    def _advance(self) -> None:
        self._run_prompts()
        if self._sequences:
            self._step()

    def _begun(self) -> list[Call]:
        return [*(one.call for one in self._sequences), *(one.call for one in self._prompts)]

    def _abandon(self) -> None:
        self._sequences, self._trunks, self._chooser = [], [], None
        self._drop_prompts()

    def _drop_cancelled(self) -> None:
        for sequence in [one for one in self._sequences if one.call.cancelled]:
            self._leave(sequence)
        if self._prompts and all(prompt.call.cancelled for prompt in self._prompts):
            self._drop_prompts()

    def _forget(self) -> None:
        self._cache.clear()
        self._batch.clear()

    # Prompts

    def _run_prompts(self) -> None:
        """Runs waiting prompts, as many tokens as fit between two steps."""
        budget = self._limits.prefill_tokens
        while budget > 0 and (self._prompts or (self._swap is None and self._begin_prompts())):
            if self._prompts:
                calls = [prompt.call for prompt in self._prompts]
                try:
                    budget -= self._run_chunk(budget)
                except Exception as error:
                    self._drop_prompts()
                    for call in calls:
                        tell(call, failure(error))

    def _drop_prompts(self) -> None:
        self._prompts, self._prefill = [], Prefill(self._shape, 0, 0)

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
        own = max([min(call.max_tokens, _EXPECTED), *(one.expected for one in self._sequences)])
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
        given, positions, keep = (one.to(self._device) for one in (torch.from_numpy(ids), positions, torch.tensor(ends)))
        prefill.begin(positions)
        logits = self._with_memory(lambda: self._model(input_ids=given, position_ids=positions, use_cache=False, logits_to_keep=keep, slabs=prefill).logits)
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
            self._drop_prompts()
        elif ready:
            prefill.keep(rest)
        self._start([one for one in ready if not one.call.cancelled])
        return count * len(prompts)

    # Sequences

    def _start(self, ready: Row[_Ready]) -> None:
        """The first token is sampled from the prompt's logits; then the sequence joins the others."""
        if not ready:
            return
        chooser = Chooser([one.call.choice for one in ready], self._vocabulary, self._device)
        sequences = [_Running(one.call, one.cached) for one in ready]
        chosen = chooser.draw(torch.stack([one.logits for one in ready]), [sequence.uniform for sequence in sequences])
        joining = [(sequence, one.copy) for sequence, one, choice in zip(sequences, ready, chosen, strict=True) if self._take(sequence, choice)]
        self._batch.reserve(slots=len(self._sequences) + len(joining))
        for sequence, copy in joining:
            self._join(sequence, copy)

    def _join(self, sequence: _Running, copy: Copy) -> None:
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
                self._chooser = Chooser([one.call.choice for one in sequences], self._vocabulary, self._device)
            ids = [int(one.tokens[one.count - 1]) for one in sequences]
            logits = self._with_memory(lambda: self._steps(ids))
            chosen = self._chooser.draw(logits, [one.uniform for one in sequences])
        except Exception as error:
            full = isinstance(error, torch.OutOfMemoryError)
            for one in sequences[len(sequences) // 2 if full else 0 :]:  # those that came first may go on with the memory of the others
                self._leave(one, keep=False)
                tell(one.call, failure(error))
            return
        self.stats.steps += 1
        self.stats.stepped += len(sequences)
        going = [not one.call.cancelled and self._take(one, choice) for one, choice in zip(sequences, chosen, strict=True)]
        for one, goes, choice in zip(sequences, going, chosen, strict=True):
            if not goes:
                self._leave(one, keep=choice is not None)

    def _leave(self, sequence: _Running, keep: bool = True) -> None:
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
        release(self._device)
        return run()


def _waits_for(prompt: Ids, known: int, other: Ids) -> bool:
    """Whether most of it will be there once the other is computed."""
    alike = common(prompt, other)
    return alike == len(prompt) or alike > known + _WORTH_WAITING


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


