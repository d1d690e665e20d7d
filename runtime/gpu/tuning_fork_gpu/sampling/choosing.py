"""How tokens are chosen from logits, as in runtime/policy/onnx/sampling.ts, for all rows of a batch at once.

Logprobs are those of the distribution that was sampled from: after the temperature, and renormalised where top-p or top-k cut it. Greedy
choices are told at temperature 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

UNLIKELY = -9999.0
"""OpenAI's logprob for what can hardly be, or not at all; minus infinity is no JSON."""


class Choice(NamedTuple):
    temperature: float = 1.0
    """0: the likeliest token."""
    top_p: float = 1.0
    top_k: int = 0
    """0: no limit."""
    top: int = 0
    """How many alternatives to tell."""


@dataclass(slots=True)
class Chosen:
    id: int
    logprob: float
    top: tuple[list[int], list[float]] | None = None
    """The likeliest tokens first; one that top-p or top-k excludes is UNLIKELY."""


class Chooser:
    """Of a batch: made anew where its rows change, so that a step only draws."""

    def __init__(self, choices: Sequence[Choice], vocabulary: int, device: torch.device) -> None:
        self._choices = choices
        self._device = device
        self._scale = torch.tensor([1 / one.temperature if one.temperature > 0 else 1.0 for one in choices], device=device)[:, None]
        self._greedy = torch.tensor([one.temperature == 0 for one in choices], device=device)
        self._cut = [row for row, one in enumerate(choices) if one.temperature > 0 and (one.top_p < 1 or 0 < one.top_k < vocabulary)]
        self._told = [row for row, one in enumerate(choices) if one.top > 0]
        self._block = math.gcd(vocabulary, 256)

    def draw(self, logits: Tensor, uniform: Sequence[float]) -> list[Chosen | None]:
        """`logits` [rows, vocabulary]; the numbers of `uniform` in [0, 1) decide. None where a logit is not finite."""
        logits = logits.float()
        largest, likeliest = logits.max(-1, keepdim=True)
        finite = logits.amin(-1).isfinite() & largest[:, 0].isfinite()  # aminmax takes several times as long on a CPU
        weights = (logits - largest).mul_(self._scale).exp_()
        target = torch.tensor(uniform, dtype=torch.float64).to(self._device, non_blocking=True)
        ids, total = self._pick(weights, likeliest[:, 0], target)
        score = (logits.gather(1, ids[:, None])[:, 0] - largest[:, 0]) * self._scale[:, 0]
        logprobs = (score.double() - total.log()).clamp(min=UNLIKELY).float()
        table = torch.stack([ids.double(), logprobs.double(), finite.double()]).cpu()
        chosen: list[Chosen | None] = [Chosen(int(id), logprob) if fine else None for id, logprob, fine in table.T.tolist()]
        for row in sorted({*self._cut, *self._told}):
            if (drawn := chosen[row]) is not None:
                chosen[row] = _choose_row(weights[row], drawn.id, self._choices[row], uniform[row])
        return chosen

    def _pick(self, weights: Tensor, likeliest: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """The token under each number, and the sum of all weights. Sums in float64, block by block: only one block a row is walked."""
        rows = weights.shape[0]
        blocks = weights.view(rows, -1, self._block)
        sums = blocks.sum(-1, dtype=torch.float64)
        ends = sums.cumsum(-1)
        total = ends[:, -1]
        target = (uniform * total)[:, None]
        block = (ends <= target).sum(-1, keepdim=True).clamp_(max=sums.shape[1] - 1)
        start = ends.gather(1, block) - sums.gather(1, block)
        within = blocks.gather(1, block[:, :, None].expand(-1, -1, self._block))[:, 0].double().cumsum(-1) + start
        place = (within <= target).sum(-1)
        outside = self._greedy | (place == self._block)  # the last bits of two sums
        return torch.where(outside, likeliest, block[:, 0] * self._block + place.clamp(max=self._block - 1)), total


def _choose_row(weights: Tensor, id: int, choice: Choice, uniform: float) -> Chosen:
    """One row that is cut, or whose alternatives are asked for. `id` is what was drawn without a cut."""
    temperature, top_p, top_k, top = choice
    vocabulary = weights.shape[0]
    whole = float(weights.sum(dtype=torch.float64))
    cut = temperature > 0 and (top_p < 1 or 0 < top_k < vocabulary)
    values, ids, kept = _likeliest(weights, whole, choice if cut else Choice(top=top))
    ends = values[:kept].cumsum(0)
    total = float(ends[-1]) if cut else whole
    if cut:
        place = int((ends <= uniform * total).sum())
        id = int(ids[place if place < kept else 0])

    def logprobs(mass: Tensor) -> Tensor:
        return (mass.double() / total).log().clamp(min=UNLIKELY).float()

    chosen = Chosen(id, float(logprobs(weights[id])))
    if top > 0:
        told = logprobs(values[:top])
        if cut:
            told[kept:] = UNLIKELY
        chosen.top = (ids[:top].tolist(), told.tolist())
    return chosen


def _likeliest(weights: Tensor, whole: float, choice: Choice) -> tuple[Tensor, Tensor, int]:
    """The likeliest tokens, their ids, and how many of them top-k, then top-p leave: few are sorted where few are enough."""
    vocabulary = weights.shape[0]
    most = choice.top_k if 0 < choice.top_k < vocabulary else vocabulary
    count = min(vocabulary, max(choice.top, choice.top_k, 64))
    while True:
        values, ids = weights.topk(count)
        values, ends = values.double(), values.double()[:most].cumsum(0)
        wanted = choice.top_p * (float(ends[-1]) if choice.top_k > 0 else whole)
        kept = int((ends < wanted).sum()) + 1
        if kept <= len(ends) or count >= most:
            return values, ids, min(kept, len(ends))
        count = min(vocabulary, count * 8)
