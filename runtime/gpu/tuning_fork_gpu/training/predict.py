"""Log-probabilities at the targets, and the loss over them, a few targets at a time: the logits of all are never there at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..device import compiled
from ..fused import logprobs_of_logits, token_logprobs
from ..loss import METRICS, Objective, Targets, objective
from ..models import head_of
from .batches import Batch

LOGITS = 2**26
"""Bytes of the float32 logits of one chunk; computing with them takes some four times as much. On a GPU it is a part of its memory."""


class Predicted:
    """The targets of a batch, by a model."""

    def __init__(self, model: PreTrainedModel, batch: Batch, temperature: float | Tensor, compiled: bool = False) -> None:
        self.head = head_of(model)
        self.batch = batch
        self.temperature = torch.as_tensor(temperature, dtype=torch.float32, device=batch.id.device)
        self.compiled = compiled
        how = {"attention_mask": batch.mask} if batch.segments is None else {"attention_mask": None, "segments": batch.segments}
        out = model.get_decoder()(input_ids=batch.id, position_ids=batch.position, use_cache=False, **how)
        hidden: Tensor = out.last_hidden_state
        self.at_parent = hidden.flatten(0, 1).index_select(0, batch.parent)
        self.chunk = max(1, bytes_of_logits(hidden.device) // (4 * model.config.get_text_config().vocab_size))

    def chunks(self) -> Iterator[tuple[slice, Tensor]]:
        for start in range(0, len(self.at_parent), self.chunk):
            part = slice(start, start + self.chunk)
            yield part, self.at_parent.detach()[part]

    def logprobs(self, hidden: Tensor, part: slice) -> tuple[Tensor, Tensor]:
        """In float32 whatever the model computes in."""
        logits, wanted = self.head(hidden), self.batch.wanted[part]
        if self.compiled:
            return _compiled()(logits, wanted, self.temperature)
        return token_logprobs(logits.float() / self.temperature, wanted)

    def score(self) -> tuple[Tensor, Tensor]:
        parts = [self.logprobs(hidden, part) for part, hidden in self.chunks()]
        return torch.cat([logprob for logprob, _ in parts]), torch.cat([entropy for _, entropy in parts])

    def backward(self, targets: Targets, given: Objective) -> tuple[Tensor, Tensor]:
        """Adds the gradients of the loss. (log-probabilities, METRICS)"""
        logprobs: list[Tensor] = []
        to_hidden: list[Tensor] = []
        totals = torch.zeros(len(METRICS), dtype=torch.float64, device=self.at_parent.device)
        for part, hidden in self.chunks():
            hidden.requires_grad_()
            logprob, entropy = self.logprobs(hidden, part)
            # the loss is a sum over targets, so each chunk's is a part of it
            loss, metrics = objective(logprob, entropy, Targets(*(column[part] for column in targets)), given)
            loss.backward()
            assert hidden.grad is not None
            to_hidden.append(hidden.grad)
            logprobs.append(logprob.detach())
            totals += metrics
        self.at_parent.backward(torch.cat(to_hidden))
        return torch.cat(logprobs), totals


def bytes_of_logits(device: torch.device) -> int:
    return min(2**30, torch.cuda.get_device_properties(device).total_memory // 64) if device.type == "cuda" else LOGITS


@cache
def _compiled() -> Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]:
    return compiled(logprobs_of_logits)
