"""Attention over a tree, stretch by stretch: each sees its ancestors and itself, and nothing else is computed.

For machines without FlexAttention. A dense mask is cheaper where a tree is small or all branches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

from .rows import Ints

NAME = "tuning_fork_segments"
CALL = 600_000
"""What each stretch costs besides, in multiply-adds of attention."""


class Segment(NamedTuple):
    start: int
    stop: int
    before: Tensor | None
    """What all of it sees before it."""
    mask: Tensor | None


def segments(end: Ints, device: torch.device) -> list[Segment]:
    """Of one sequence. A stretch ends where something that it sees ends."""
    made: list[Segment] = []
    for start, stop in stretches(end):
        before = np.flatnonzero(end[:start] > start)
        if len(before) == 0:
            made.append(Segment(start, stop, None, None))
            continue
        size = stop - start
        mask = torch.ones(size, len(before) + size, dtype=torch.bool, device=device).tril(len(before))
        made.append(Segment(start, stop, torch.from_numpy(before).to(device), mask))
    return made


def stretches(end: Ints) -> list[tuple[int, int]]:
    bounds = np.unique(np.concatenate([[0], end]))
    return list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))


def are_cheaper(end: Ints, width: int, dense: int) -> bool:
    """Than a dense mask of so many pairs of tokens."""
    pairs = sum((stop - start) * (stop - start + int((end[:start] > start).sum())) for start, stop in stretches(end))
    apiece = CALL + 4 * len(end) * width
    return pairs * width + len(stretches(end)) * apiece < dense * width


def attend(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,
    scaling: float | None = None, segments: Sequence[Segment] | None = None, **rest: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """As transformers calls it: [1, heads, length, width of a head] each."""
    if segments is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **rest)
    groups = query.shape[1] // key.shape[1]
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    seen: list[Tensor] = []
    for start, stop, before, mask in segments:
        keys, values = key[:, :, start:stop], value[:, :, start:stop]
        if before is not None:
            keys, values = torch.cat([key.index_select(2, before), keys], 2), torch.cat([value.index_select(2, before), values], 2)
        seen.append(F.scaled_dot_product_attention(query[:, :, start:stop], keys, values, attn_mask=mask, is_causal=mask is None, scale=scaling))
    return torch.cat(seen, 2).transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, attend)
