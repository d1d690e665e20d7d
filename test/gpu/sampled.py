"""Calls to a sampler, and what came back."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from models import KINDS, made
from transformers import PreTrainedModel
from tuning_fork_gpu.errors import Refusal
from tuning_fork_gpu.sampling.cached import CachedSampler
from tuning_fork_gpu.sampling.choosing import Choice
from tuning_fork_gpu.sampling.sampler import Call, Ended, Limits, Sampler, Token

PATIENCE = 60


def decoder(kind: str = "qwen2", **more: object) -> PreTrainedModel:
    return made(kind, **{**KINDS.get(kind, {}), **more}).float().eval()


def sampler_of(model: PreTrainedModel, **limits: int) -> CachedSampler:
    return CachedSampler(copy.deepcopy(model), Limits(**limits))


@dataclass
class Answer:
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    top: list[tuple[list[int], list[float]]] = field(default_factory=list)
    finish: str | None = None
    cached: int | None = None
    version: int | None = None
    refusal: Refusal | None = None
    over: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    def take(self, news: Token | Ended | Refusal) -> None:
        assert not self.over.is_set()
        if isinstance(news, Token):
            self.ids.append(news.chosen.id)
            self.logprobs.append(news.chosen.logprob)
            if news.chosen.top is not None:
                self.top.append(news.chosen.top)
            self.cached, self.version = news.cached, news.version
            self.begun.set()
        elif isinstance(news, Ended):
            self.finish = news.finish
            self.over.set()
        else:
            self.refusal = news
            self.over.set()


def call_of(prompt: Sequence[int], answer: Answer, tokens: int = 12, key: int = 1, choice: Choice = Choice(), stop: Sequence[int] = ()) -> Call:
    return Call(np.array(prompt, np.int32), tokens, frozenset(stop), key, choice, answer.take)


def sample(sampler: Sampler, prompts: Sequence[Sequence[int]], tokens: int = 12, choice: Choice = Choice(), stop: Sequence[int] = (), first_key: int = 1) -> list[Answer]:
    """All at once; call i has the key `first_key + i`."""
    answers = [Answer() for _ in prompts]
    for index, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        sampler.submit(call_of(prompt, answer, tokens, first_key + index, choice, stop))
    for answer in answers:
        assert answer.over.wait(PATIENCE)
    return answers
