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
from torch import Tensor

from ..errors import bad_request
from ..train_step import Nodes, Targets
from . import safetensors_body
from .safetensors_body import Stored

NODES = ("id", "position", "parent", "end")
LOGPROBS = ("sampled", "old", "ref")
SUMS = ("weight", "up", "down")
COLUMNS = (*NODES, "node", *LOGPROBS, *SUMS)


class Pack(NamedTuple):
    nodes: Nodes
    """int32 [rows, length]."""
    targets: Targets

    @property
    def rows(self) -> int:
        return self.nodes.id.shape[0]

    @property
    def length(self) -> int:
        return self.nodes.id.shape[1]

    @property
    def size(self) -> int:
        return self.nodes.id.numel()


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
    tensors: Mapping[str, Stored]

    @staticmethod
    def open(body: bytes) -> PackBody:
        file = safetensors_body.read(body)
        if "request" not in file.metadata:
            raise bad_request('The metadata has no "request".')
        try:
            request = json.loads(file.metadata["request"])
        except (ValueError, RecursionError):
            raise bad_request('The metadata\'s "request" is not JSON.') from None
        return PackBody(request, hashlib.sha256(body).hexdigest(), file.tensors)

    def packs(self, limits: Limits) -> list[Pack]:
        count = math.ceil(len(self.tensors) / len(COLUMNS))
        packs = [decode(self.tensors, index, limits) for index in range(count)]
        if len(self.tensors) != count * len(COLUMNS):
            raise bad_request(f"There are {len(self.tensors)} tensors, and a pack has {len(COLUMNS)}: {', '.join(COLUMNS)}.")
        if count == 0:
            raise bad_request("There are no packs.")
        return packs


def decode(tensors: Mapping[str, Stored], index: int, limits: Limits) -> Pack:
    for name in COLUMNS:
        if f"{index}/{name}" not in tensors:
            raise bad_request(f'The tensor "{index}/{name}" is missing.')
    shape = tensors[f"{index}/id"].shape
    if len(shape) != 2:
        raise bad_request(f'"{index}/id" must have the shape [rows, length].')
    if math.prod(shape) == 0:
        raise bad_request(f"Pack {index} has no nodes.")
    count = tensors[f"{index}/node"].shape[:1] or (0,)

    def column(name: str, dtype: str, wanted: tuple[int, ...]) -> NDArray[Any]:
        stored = tensors[f"{index}/{name}"]
        if stored.dtype != dtype:
            raise bad_request(f'"{index}/{name}" is {stored.dtype} and must be {dtype}.')
        if stored.shape != wanted:
            raise bad_request(f'"{index}/{name}" has the shape {list(stored.shape)} and must have {list(wanted)}.')
        return stored.numbers()

    nodes = {name: column(name, "I32", shape) for name in NODES}
    node = column("node", "I32", count)
    values = {name: column(name, "F32", count) for name in LOGPROBS} | {name: column(name, "F64", count) for name in SUMS}
    check_nodes(nodes, index, limits)
    check_targets(node, values, nodes["parent"], index)
    return Pack(
        Nodes(*(torch.from_numpy(nodes[name]) for name in NODES)),
        Targets(torch.from_numpy(node), *(torch.from_numpy(values[name]) for name in (*LOGPROBS, *SUMS))),
    )


def check_nodes(nodes: Mapping[str, NDArray[Any]], index: int, limits: Limits) -> None:
    ids, position, parent, end = (nodes[name] for name in NODES)
    length = ids.shape[1]
    here = np.arange(length)
    above = np.take_along_axis(end, np.clip(parent, 0, length - 1), 1)

    def refuse(wrong: NDArray[Any], tell: str) -> None:
        if not wrong.any():
            return
        row, i = (int(one) for one in np.argwhere(wrong)[0])
        place = f"token {i} of row {row} in pack {index}"
        raise bad_request(tell.format(place=place, id=ids[row, i], position=position[row, i], parent=parent[row, i], end=end[row, i], first=i + 1))

    refuse((ids < 0) | (ids >= limits.vocabulary), f"The id of {{place}} is {{id}}; this model has ids from 0 to {limits.vocabulary - 1}.")
    refuse((position < 0) | (position >= limits.context), f"The position of {{place}} is {{position}}; this model has a context of {limits.context}.")
    refuse((end <= here) | (end > length), f"The subtree of {{place}} ends at {{end}}, not within {{first}} to {length}.")
    refuse((parent < -1) | (parent >= here), "The parent of {place} is {parent}; it must stand before it, or be -1.")
    refuse((parent >= 0) & (end > above), "The subtree of {place} ends after that of its parent {parent}.")


def check_targets(node: NDArray[Any], values: Mapping[str, NDArray[Any]], parent: NDArray[Any], index: int) -> None:
    def first(wrong: NDArray[Any]) -> int | None:
        return int(np.argmax(wrong)) if wrong.any() else None

    if (t := first((node < 0) | (node >= parent.size))) is not None:
        raise bad_request(f"Target {t} of pack {index} is at node {node[t]}, and there are {parent.size}.")
    if (t := first(parent.reshape(-1)[node] == -1)) is not None:
        raise bad_request(f"Target {t} of pack {index} is at a root, which nothing predicts.")
    for name in LOGPROBS:
        if (t := first(np.isinf(values[name]))) is not None:
            raise bad_request(f'The "{name}" logprob of target {t} of pack {index} is infinite.')
    if (t := first(~np.isfinite(values["weight"]))) is not None:
        raise bad_request(f"The weight of target {t} of pack {index} is {values['weight'][t]}.")
    if (t := first(~((values["up"] >= 0) & np.isfinite(values["up"])))) is not None:
        raise bad_request(f'"up" of target {t} of pack {index} is {values["up"][t]}: it is a sum of positive advantages.')
    if (t := first(~((values["down"] <= 0) & np.isfinite(values["down"])))) is not None:
        raise bad_request(f'"down" of target {t} of pack {index} is {values["down"][t]}: it is a sum of negative advantages.')


def encode(packs: Sequence[Pack], request: Mapping[str, Any]) -> bytes:
    """The body of a score or a step."""
    tensors: dict[str, NDArray[Any]] = {}
    for index, (nodes, targets) in enumerate(packs):
        values = zip(COLUMNS, (*nodes, *targets), strict=True)
        tensors |= {f"{index}/{name}": column.double().numpy() if name in SUMS else column.numpy() for name, column in values}
    return safetensors_body.write(tensors, {"request": json.dumps(request)})


def encode_scores(scores: Sequence[Scores], version: int) -> bytes:
    tensors = {f"{index}/{name}": column.float().numpy() for index, one in enumerate(scores) for name, column in one._asdict().items()}
    return safetensors_body.write(tensors, {"answer": json.dumps({"version": version})})
