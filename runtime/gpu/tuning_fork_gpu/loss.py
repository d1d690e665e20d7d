"""The loss of reinforcement learning over packs of the tracker, written once: for the GPU, and for what `export/` writes as graphs.

A pack has two tables. Nodes are context: token j is visible from token i exactly when `j <= i and i < end[j]`, one rule for causal,
document and tree masks, and the logits that predict a node are its parent's. Targets are what is trained.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Nodes(NamedTuple):
    """int32 [rows, length]. `parent` and `end` count within the row; padding has `end = i + 1`."""

    id: Tensor
    position: Tensor
    parent: Tensor
    end: Tensor


class Targets(NamedTuple):
    """[targets] each. `node` is int32 and counts over all rows; logprobs are float32; sums are float64."""

    node: Tensor
    sampled_logprob: Tensor
    """As the policy told it when it sampled."""
    old_logprob: Tensor
    """The trainer's own before the first update. NaN: this is that first pass, so it is what this step computes."""
    ref_logprob: Tensor
    """The frozen reference's; not read when `kl_coefficient` is 0."""
    weight: Tensor
    """Sum of weights, for KL and entropy."""
    up: Tensor
    """Sum of weight * max(advantage, 0)."""
    down: Tensor
    """Sum of weight * min(advantage, 0)."""


class Objective(NamedTuple):
    """float64 scalars."""

    denominator: Tensor
    """Of the loss, over all packs of a step: micro-batches don't matter."""
    temperature: Tensor
    """As in sampling."""
    clip_low: Tensor
    clip_high: Tensor
    dual_clip: Tensor
    """Bounds the loss of a token with a negative advantage; infinite for none."""
    truncation: Tensor
    """Of the importance weight between trainer and sampler; infinite for none."""
    kl_coefficient: Tensor
    entropy_coefficient: Tensor


METRICS = (
    "loss", "policy_loss", "kl_loss", "entropy_loss",  # over the denominator: they add up over packs
    "ratio", "clipped_high", "clipped_low", "dual_clipped", "kl", "entropy",  # sums over targets
    "importance", "truncated", "logprob_difference",
)  # fmt: skip


def objective(logprob: Tensor, entropy: Tensor, targets: Targets, given: Objective) -> tuple[Tensor, Tensor]:
    """The loss of a pack, and METRICS. Positively homogeneous in `up` and `down`, so that equal targets merge exactly."""
    now = logprob.detach()
    given = Objective(*(value.to(now.dtype) for value in given))
    targets = Targets(targets.node, *(column.to(now.dtype) for column in targets[1:]))
    weight, up, down = targets.weight, targets.up, targets.down
    old = torch.where(targets.old_logprob.isnan(), now, targets.old_logprob)
    ref = torch.where(given.kl_coefficient == 0, now, targets.ref_logprob)

    ratio = (logprob - old).clamp(-20, 20).exp()
    too_high, too_low, too_bad = ratio > 1 + given.clip_high, ratio < 1 - given.clip_low, ratio > given.dual_clip
    gain = up * torch.where(too_high, 1 + given.clip_high, ratio)
    pain = down * torch.where(too_low, 1 - given.clip_low, torch.where(too_bad, given.dual_clip, ratio))
    untruncated = (old - targets.sampled_logprob).exp()
    importance = torch.where(untruncated > given.truncation, given.truncation, untruncated)
    policy_loss = -(importance * (gain + pain)).sum() / given.denominator

    apart = ref - logprob
    k3 = torch.where(apart > 20, 20.0, apart).exp() - apart - 1  # a missing reference stays NaN, up to the gradients
    kl_loss = given.kl_coefficient * (weight * k3).sum() / given.denominator
    entropy_loss = -given.entropy_coefficient * (weight * entropy).sum() / given.denominator
    loss = policy_loss + kl_loss + entropy_loss

    def count(where: Tensor) -> Tensor:
        return where.to(now.dtype).sum()

    metrics = torch.stack([
        loss, policy_loss, kl_loss, entropy_loss,
        ratio.sum(), count(too_high & (up > 0)), count(too_low & (down < 0)), count(too_bad & (down < 0)), k3.sum(), entropy.sum(),
        importance.sum(), count(untruncated > given.truncation), (now - targets.sampled_logprob).abs().sum(),
    ])  # fmt: skip
    return loss, metrics.detach()
