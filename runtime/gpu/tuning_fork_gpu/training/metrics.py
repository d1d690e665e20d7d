"""What a step tells of itself: `StepMetrics` of the wire."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from ..loss import METRICS


class Found(NamedTuple):
    """In one batch."""

    at: Tensor
    """Which targets."""
    logprob: Tensor
    gap: Tensor
    """Between trainer and sampler, of each target."""
    log_ratio: Tensor
    metrics: Tensor


@dataclass
class Part:
    """Of one update, or of several."""

    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys((*METRICS, "gap", "targets"), 0.0))
    ratio_max: float = 0.0

    @staticmethod
    def of(found: Sequence[Found]) -> Part:
        part = Part()
        for one in found:
            sums = dict(zip(METRICS, one.metrics.tolist(), strict=True))
            part.add({**sums, "gap": float(one.gap.abs().sum(dtype=torch.float64)), "targets": len(one.at)}, float(one.log_ratio.double().exp().max()))
        return part

    def add(self, sums: Mapping[str, float], ratio_max: float) -> None:
        for name, value in sums.items():
            self.sums[name] += value
        self.ratio_max = max(self.ratio_max, ratio_max)


@dataclass
class Totals:
    """Of the updates that were applied; `nodes` of all."""

    whole: Part = field(default_factory=Part)
    grad_norm: float = 0.0
    applied: int = 0
    skipped: int = 0
    nodes: int = 0

    def update(self, part: Part, norm: float, done: bool, nodes: int) -> None:
        self.nodes += nodes
        if not done:
            self.skipped += 1
            return
        self.applied += 1
        self.grad_norm = max(self.grad_norm, norm)
        self.whole.add(part.sums, part.ratio_max)

    def metrics(self, seconds: float) -> dict[str, float | None]:
        sums, targets = self.whole.sums, int(self.whole.sums["targets"])

        def mean(name: str, over: int = targets) -> float:
            return sums[name] / over if over else math.nan

        values: dict[str, float] = {
            "loss": mean("loss", self.applied), "policyLoss": mean("policy_loss", self.applied),
            "kl": mean("kl"), "entropy": mean("entropy"),
            "clipLow": mean("clipped_low"), "clipHigh": mean("clipped_high"), "clipDual": mean("dual_clipped"),
            "ratioMean": mean("ratio"), "ratioMax": self.whole.ratio_max if self.applied else math.nan,
            "samplerGap": mean("gap"), "importanceMean": mean("importance"),
            "gradNorm": self.grad_norm if self.applied else math.nan, "updates": self.applied + self.skipped, "skipped": self.skipped,
            "targets": targets, "nodes": self.nodes, "milliseconds": seconds * 1000,
        }  # fmt: skip
        return {name: value if math.isfinite(value) else None for name, value in values.items()}
