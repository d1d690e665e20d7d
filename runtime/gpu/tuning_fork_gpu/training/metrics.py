"""What a step tells of itself: `StepMetrics` of the wire."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..train_step import METRICS


class Found(NamedTuple):
    """In one batch."""

    at: Tensor
    """Which targets."""
    logprob: Tensor
    gap: Tensor
    """Between trainer and sampler, of each target."""
    log_ratio: Tensor
    metrics: Tensor


class Part:
    """Of one update."""

    def __init__(self) -> None:
        self.sums = dict.fromkeys(METRICS, 0.0)
        self.gap = 0.0
        self.ratio_max = 0.0
        self.targets = 0

    @staticmethod
    def of(found: Sequence[Found]) -> Part:
        part = Part()
        for one in found:
            for name, value in zip(METRICS, one.metrics.tolist(), strict=True):
                part.sums[name] += value
            part.gap += float(one.gap.abs().sum(dtype=torch.float64))
            part.ratio_max = max(part.ratio_max, float(one.log_ratio.double().exp().max()))
            part.targets += len(one.at)
        return part


class Totals:
    """Of the updates that were applied; `nodes` of all."""

    def __init__(self) -> None:
        self.whole = Part()
        self.grad_norm = math.nan
        self.applied = 0
        self.skipped = 0
        self.nodes = 0

    def update(self, part: Part, norm: float, done: bool, nodes: int) -> None:
        self.nodes += nodes
        if not done:
            self.skipped += 1
            return
        self.applied += 1
        self.whole.targets += part.targets
        self.whole.gap += part.gap
        self.whole.ratio_max = max(self.whole.ratio_max, part.ratio_max)
        self.grad_norm = norm if math.isnan(self.grad_norm) else max(self.grad_norm, norm)
        for name, value in part.sums.items():
            self.whole.sums[name] += value

    def metrics(self, seconds: float) -> dict[str, float | None]:
        sums, targets = self.whole.sums, self.whole.targets

        def mean(name: str) -> float:
            return sums[name] / targets if targets else math.nan

        def of_update(name: str) -> float:
            return sums[name] / self.applied if self.applied else math.nan

        values: Mapping[str, float] = {
            "loss": of_update("loss"), "policyLoss": of_update("policy_loss"),
            "kl": mean("kl"), "entropy": mean("entropy"),
            "clipLow": mean("clipped_low"), "clipHigh": mean("clipped_high"), "clipDual": mean("dual_clipped"),
            "ratioMean": mean("ratio"), "ratioMax": self.whole.ratio_max if self.applied else math.nan,
            "samplerGap": self.whole.gap / targets if targets else math.nan, "importanceMean": mean("importance"),
            "gradNorm": self.grad_norm, "updates": self.applied + self.skipped, "skipped": self.skipped,
            "targets": targets, "nodes": self.nodes, "milliseconds": seconds * 1000,
        }  # fmt: skip
        return {name: value if math.isfinite(value) else None for name, value in values.items()}
