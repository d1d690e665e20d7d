"""The same objective as anyone would write it: transformers' own model, one row a call, one term a sampled token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from calls import Call
from torch import Tensor
from transformers import PreTrainedModel
from tuning_fork_gpu.loss import Objective


def logits_of(model: PreTrainedModel, call: Call, temperature: float) -> Tensor:
    """Those that predict each sampled token."""
    ids = torch.tensor([call.prompt + call.sampled])
    return model(ids).logits[0, len(call.prompt) - 1 : -1] / temperature


def logprobs_of(model: PreTrainedModel, calls: Sequence[Call], temperature: float) -> list[list[float]]:
    with torch.no_grad():
        return [
            logits_of(model, call, temperature).log_softmax(-1).gather(1, torch.tensor(call.sampled)[:, None])[:, 0].tolist() for call in calls
        ]


def loss_of(model: PreTrainedModel, calls: Sequence[Call], given: Objective) -> Tensor:
    low, high, dual, truncation = (float(value) for value in (given.clip_low, given.clip_high, given.dual_clip, given.truncation))
    total = torch.zeros(())
    for call in calls:
        logprobs = logits_of(model, call, float(given.temperature)).log_softmax(-1)
        now = logprobs.gather(1, torch.tensor(call.sampled)[:, None])[:, 0]
        old, sampled, ref = (torch.tensor(column) for column in (call.old_logprob, call.sampled_logprob, call.ref_logprob))
        ratio = torch.exp(torch.clamp(now - old, -20, 20))
        loss = -torch.min(ratio * call.advantage, torch.clamp(ratio, 1 - low, 1 + high) * call.advantage)
        if call.advantage < 0:
            loss = torch.min(loss, torch.full_like(loss, -dual * call.advantage))
        loss = loss * torch.exp(old - sampled).clamp(max=truncation)
        k3 = torch.exp(ref - now) - (ref - now) - 1
        entropy = -(logprobs.exp() * logprobs).sum(-1)
        total = total + call.weight * (loss + float(given.kl_coefficient) * k3 - float(given.entropy_coefficient) * entropy).sum()
    return total / float(given.denominator)
