"""Rows as tensors on the device, in the form that a model's attention takes them in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .blocks import MULTIPLE, block_mask
from .rows import Ints, Row
from .segments import Segment, are_cheaper, segments

Attention = Literal["dense", "blocks", "causal"]
"""
dense: rows padded to the longest and a mask of length times length each, or stretch by stretch where that is cheaper (any device);
blocks: all rows in one sequence, and a mask whose empty blocks cost nothing (FlexAttention, on a GPU);
causal: paths only, no mask: for models that take nothing else.
"""


class Batch(NamedTuple):
    id: Tensor
    position: Tensor
    mask: Any
    """Of 4 dimensions, or a BlockMask; None: by segments, or plain causal."""
    segments: list[Segment] | None
    parent: Tensor
    """Over all rows."""
    wanted: Tensor
    at: Tensor


def batch(rows: Sequence[Row], attention: Attention, width: int, device: torch.device) -> Batch:
    """`width`: of all heads, for what attention costs."""
    in_segments = attention == "dense" and are_cheaper(flat(rows, 1)[2][0], width, len(rows) * max(len(row) for row in rows) ** 2)
    columns = flat(rows, 1) if in_segments else flat(rows, MULTIPLE) if attention == "blocks" else rectangle(rows)

    def put(values: Ints) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(device, non_blocking=True)

    ids, position, end, parent = (put(column) for column in columns)
    mask = None if in_segments or attention == "causal" else block_mask(end) if attention == "blocks" else dense_mask(end)
    wanted, at = (put(np.concatenate(values)) for values in ([row.wanted for row in rows], [row.at for row in rows]))
    return Batch(ids, position, mask, segments(columns[2][0], device) if in_segments else None, parent, wanted, at)


def rectangle(rows: Sequence[Row]) -> tuple[Ints, Ints, Ints, Ints]:
    """Padding goes on as a path would, so that nothing takes it for the start of another sequence; nothing sees it."""
    length = max(len(row) for row in rows)
    ids = np.zeros((len(rows), length), np.int64)
    position, end = np.zeros_like(ids), np.broadcast_to(np.arange(1, length + 1), ids.shape).copy()
    for index, row in enumerate(rows):
        size = len(row)
        ids[index, :size], end[index, :size] = row.id, row.end
        position[index, :size] = row.position
        position[index, size:] = np.arange(length - size) + (row.position[-1] + 1)
    parent = np.concatenate([row.parent + index * length for index, row in enumerate(rows)])
    return ids, position, end, parent


def flat(rows: Sequence[Row], multiple: int) -> tuple[Ints, Ints, Ints, Ints]:
    """In one sequence."""
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    used = int(starts[-1])
    length = -(-used // multiple) * multiple
    ids, position = np.zeros((1, length), np.int64), np.zeros((1, length), np.int64)
    end = np.arange(1, length + 1)[None].copy()
    ids[0, :used] = np.concatenate([row.id for row in rows])
    position[0, :used] = np.concatenate([row.position for row in rows])
    end[0, :used] = np.concatenate([row.end + start for row, start in zip(rows, starts[:-1], strict=True)])
    parent = np.concatenate([row.parent + start for row, start in zip(rows, starts[:-1], strict=True)])
    return ids, position, end, parent


def dense_mask(end: Tensor) -> Tensor:
    """True where row i sees column j. [rows, 1, length, length]"""
    index = torch.arange(end.shape[1], device=end.device)
    return ((index[None, None, :] <= index[None, :, None]) & (index[None, :, None] < end[:, None, :]))[:, None]

