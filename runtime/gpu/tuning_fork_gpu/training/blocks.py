"""Attention by a mask of blocks: those in which nothing is seen cost nothing. FlexAttention, which is compiled for the GPU it runs on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from transformers import AttentionInterface

from ..device import compiled

NAME = "tuning_fork_blocks"
BLOCK = 128

MULTIPLE = 2 * BLOCK
"""Of the length of what is attended over: a mask of a single block would be compiled for itself."""


@cache
def _compiled() -> Callable[..., Any]:
    return compiled(flex_attention)


def attend(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: BlockMask, scaling: float | None = None, **rest: Any
) -> tuple[Tensor, None]:  # fmt: skip
    """As transformers calls it: [1, heads, length, width of a head] each."""
    flex: Any = flex_attention if torch.compiler.is_compiling() else _compiled()
    seen = flex(query, key, value, block_mask=attention_mask, scale=scaling, enable_gqa=query.shape[1] != key.shape[1])
    return seen.transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, attend)


def block_mask(end: Tensor) -> BlockMask:
    """From the ends themselves: nothing of the size of length times length is made."""
    end = end.int()
    rows, length = end.shape
    blocks = length // BLOCK
    first = torch.arange(blocks, device=end.device) * BLOCK
    ends = end.view(rows, 1, blocks, BLOCK)
    earlier = first[None, :, None] > first[None, None, :]
    # a block sees one before it where something there ends after its first token, and all of it where everything there ends after its last
    whole = earlier & (ends.amin(-1) > first[:, None] + BLOCK - 1)
    partly = earlier & (ends.amax(-1) > first[:, None]) & ~whole | torch.eye(blocks, dtype=torch.bool, device=end.device)

    def visible(row: Tensor, _head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        return (j <= i) & (i < end[row, j])

    return BlockMask.from_kv_blocks(*listed(partly), *listed(whole), BLOCK_SIZE=BLOCK, mask_mod=visible, seq_lengths=(length, length))


def listed(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """Of each block of queries, how many blocks of keys, and which first."""
    order = blocks.int().argsort(dim=-1, descending=True, stable=True)
    return blocks.sum(-1).int()[:, None], order.int()[:, None]
