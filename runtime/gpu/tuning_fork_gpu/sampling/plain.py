"""Sampling from models whose attention is not the plain one: all tokens are run again for each new one, which is slow and right."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import PreTrainedModel

from .choosing import Chooser
from .sampler import Call, Sampler, Sequence, failure, tell

MOST_TOGETHER = 16


class PlainSampler(Sampler):
    def __init__(self, model: PreTrainedModel, *, version: int = 0) -> None:
        super().__init__(model, version=version)
        self._sequences: list[Sequence] = []
        self._thread.start()

    def _advance(self) -> None:
        while self._waiting and self._swap is None and len(self._sequences) < MOST_TOGETHER:
            self._sequences.append(Sequence(self._waiting.popleft()))
        if self._sequences:
            self._step(list(self._sequences))

    def _begun(self) -> list[Call]:
        return [one.call for one in self._sequences]

    def _abandon(self) -> None:
        self._sequences = []

    def _drop_cancelled(self) -> None:
        self._sequences = [one for one in self._sequences if not one.call.cancelled]

    def _forget(self) -> None:
        pass

    def _step(self, sequences: list[Sequence]) -> None:
        try:
            chooser = Chooser([one.call.choice for one in sequences], self._vocabulary, self._device)
            chosen = chooser.draw(self._logits(sequences), [one.uniform for one in sequences])
        except Exception as error:
            self._abandon()
            for one in sequences:
                tell(one.call, failure(error))
            return
        self.stats.steps += 1
        self.stats.stepped += len(sequences)
        self._sequences = [one for one, choice in zip(sequences, chosen, strict=True) if self._take(one, choice)]

    def _logits(self, sequences: list[Sequence]) -> Tensor:
        """After the last token of each. What pads a row stands behind its tokens, so none of them sees it."""
        longest = max(one.count for one in sequences)
        ids = torch.zeros(len(sequences), longest, dtype=torch.long)
        for row, one in zip(ids, sequences, strict=True):
            row[: one.count] = torch.from_numpy(one.tokens[: one.count])
        last = torch.tensor([one.count for one in sequences]) - 1
        keep, place = last.unique(return_inverse=True)
        logits: Tensor = self._model(input_ids=ids.to(self._device), use_cache=False, logits_to_keep=keep.to(self._device)).logits
        return logits[torch.arange(len(sequences)), place]
