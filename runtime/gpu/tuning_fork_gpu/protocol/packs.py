"""Packs of the tracker as the body of a request, and the scores that go back. The TypeScript side is `runtime/trainers/packs.ts`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save
from torch import Tensor

from ..errors import bad_request
from ..loss import Nodes, Targets

Columns = Mapping[str, NDArray[Any]]

NODES = ("id", "position", "parent", "end")
LOGPROBS = ("sampled", "old", "ref")
SUMS = ("weight", "up", "down")
KINDS = {**dict.fromkeys((*NODES, "node"), np.int32), **dict.fromkeys(LOGPROBS, np.float32), **dict.fromkeys(SUMS, np.float64)}
"""Of all columns, nodes first, then targets."""


class Pack(NamedTuple):
    nodes: Nodes
    """int32 [rows, length]."""
    targets: Targets

    @property
    def length(self) -> int:
        return self.nodes.id.shape[1]


class Limits(NamedTuple):
    """What the receiving model can take."""

    vocabulary: int
    context: int


class Scores(NamedTuple):
    """Of the targets of one pack, float32."""

    logprob: Tensor
    entropy: Tensor


@dataclass(frozen=True)
class PackBody:
    """A body whose request is read, and its packs not yet."""

    request: Any
    sha256: str
    """Of the whole body: the same step again is known by it."""
    tensors: Columns

    @staticmethod
    def open(body: bytes) -> PackBody:
        try:
            tensors = load(body)
            header = json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])
        except (SafetensorError, KeyError, ValueError) as error:  # of a type or a shape that numpy does not have, too
            raise bad_request(f"This is not in the safetensors format: {str(error)[:300]}.") from None
        try:
            request = json.loads(header["__metadata__"]["request"])
        except (KeyError, TypeError, ValueError, RecursionError):
            raise bad_request('The metadata has no "request" that is JSON.') from None
        return PackBody(request, hashlib.sha256(body).hexdigest(), tensors)

    def packs(self, limits: Limits) -> list[Pack]:
        count = math.ceil(len(self.tensors) / len(KINDS))
        packs = [decode(self.tensors, index, limits) for index in range(count)]
        if len(self.tensors) != count * len(KINDS):
            raise bad_request(f"There are {len(self.tensors)} tensors, and a pack has {len(KINDS)}: {', '.join(KINDS)}.")
        if count == 0:
            raise bad_request("There are no packs.")
        return packs


def decode(tensors: Columns, index: int, limits: Limits) -> Pack:
    columns: dict[str, NDArray[Any]] = {}
    for name, kind in KINDS.items():
        column = tensors.get(f"{index}/{name}")
        if column is None:
            raise bad_request(f'The tensor "{index}/{name}" is missing.')
        if column.dtype != kind:
            raise bad_request(f'"{index}/{name}" is {column.dtype} and must be {np.dtype(kind)}.')
        columns[name] = column
        first, dimensions = ("id", 2) if name in NODES else ("node", 1)
        if column.ndim != dimensions or column.shape != columns[first].shape:
            raise bad_request(f'"{index}/{name}" has the shape {list(column.shape)}; all nodes have the same [rows, length], all targets the same [targets].')
    if columns["id"].size == 0:
        raise bad_request(f"Pack {index} has no nodes.")
    check_nodes(columns, index, limits)
    check_targets(columns, index)
    values = [torch.from_numpy(column) for column in columns.values()]
    return Pack(Nodes(*values[: len(NODES)]), Targets(*values[len(NODES) :]))


def check_nodes(columns: Columns, index: int, limits: Limits) -> None:
    ids, position, parent, end = (columns[name] for name in NODES)
    length = ids.shape[1]
    here = np.arange(length)
    above = np.take_along_axis(end, np.clip(parent, 0, length - 1), 1)

    def refuse(wrong: NDArray[Any], tell: str) -> None:
        if wrong.any():
            row, i = (int(one) for one in np.argwhere(wrong)[0])
            place = f"token {i} of row {row} in pack {index}"
            raise bad_request(tell.format(place=place, id=ids[row, i], position=position[row, i], parent=parent[row, i], end=end[row, i], first=i + 1))

    refuse((ids < 0) | (ids >= limits.vocabulary), f"The id of {{place}} is {{id}}; this model has ids from 0 to {limits.vocabulary - 1}.")
    refuse((position < 0) | (position >= limits.context), f"The position of {{place}} is {{position}}; this model has a context of {limits.context}.")
    refuse((end <= here) | (end > length), f"The subtree of {{place}} ends at {{end}}, not within {{first}} to {length}.")
    refuse((parent < -1) | (parent >= here), "The parent of {place} is {parent}; it must stand before it, or be -1.")
    refuse((parent >= 0) & (end > above), "The subtree of {place} ends after that of its parent {parent}.")


def check_targets(columns: Columns, index: int) -> None:
    def refuse(name: str, wrong: NDArray[Any], tell: str) -> None:
        if wrong.any():
            t = int(wrong.argmax())
            raise bad_request(f'"{name}" of target {t} of pack {index} is {columns[name][t]}{tell}')

    node, parent = columns["node"], columns["parent"]
    refuse("node", (node < 0) | (node >= parent.size), f", and there are {parent.size} nodes.")
    refuse("node", parent.reshape(-1)[node] == -1, ", a root, which nothing predicts.")
    for name in LOGPROBS:
        refuse(name, np.isinf(columns[name]), ": a logprob that is infinite is none.")
    for name in SUMS:
        refuse(name, ~np.isfinite(columns[name]), ": it is a finite number.")
    refuse("up", columns["up"] < 0, ": it is a sum of positive advantages.")
    refuse("down", columns["down"] > 0, ": it is a sum of negative advantages.")


def encode_scores(scores: Sequence[Scores], version: int) -> bytes:
    tensors = {f"{index}/{name}": column.float().numpy() for index, one in enumerate(scores) for name, column in one._asdict().items()}
    return save(tensors, {"answer": json.dumps({"version": version})})
