"""Keys and values of earlier sequences in a tree of token ids, so that a prefix is computed once for all that share it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .slabs import Shape

Ids = NDArray[np.int32]
Copy = Callable[[Tensor, int, int], None]
"""Copies the keys and values of tokens from one place to another into a region [layers, 2, heads, these tokens, width]."""


@dataclass(eq=False, slots=True)
class _Node:
    """A run of ids below a parent."""

    ids: Ids
    values: Tensor
    """[layers, 2, heads, ids, width]"""
    parent: _Node | None
    """None: the root, which has no ids."""
    logits: Tensor | None = None
    """What follows its last token, if it was asked for as a whole."""
    children: dict[int, _Node] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return self.ids.nbytes + self.values.nbytes + (0 if self.logits is None else self.logits.nbytes)


@dataclass(frozen=True, slots=True)
class Match:
    """What is known of a sequence: its first `length` tokens, and the logits after it if it was asked for as a whole before."""

    length: int
    logits: Tensor | None
    _runs: list[tuple[Tensor, int, int]]
    """Of keys and values, with where each begins and how much of it is meant."""

    def copy(self, region: Tensor, start: int, stop: int) -> None:
        for values, first, used in self._runs:
            low, high = max(start, first), min(stop, first + used)
            if low < high:
                region[:, :, :, low - start : high - start] = values[:, :, :, low - first : high - first]


class PrefixCache:
    """Bounded in bytes; the leaf not used for longest goes first."""

    def __init__(self, shape: Shape, limit_bytes: int) -> None:
        self._shape = shape
        self._limit = limit_bytes
        self._root = _Node(np.empty(0, np.int32), shape.run(0), None)
        self._uses: dict[_Node, None] = {}
        """Oldest use first. A node is always touched after its children, so the oldest is a leaf."""
        self.bytes = 0

    def find(self, ids: Ids) -> Match:
        path = self._walk(ids)
        self._touch(path)
        if not path:
            return Match(0, None, [])
        node, first, used = path[-1]
        whole = used == len(node.ids) and first + used == len(ids)
        return Match(first + used, node.logits if whole else None, [(node.values, first, used) for node, first, used in path])

    def insert(self, ids: Ids, copy: Copy, logits: Tensor | None = None) -> None:
        """Keeps the keys and values that are not there yet, and with them the logits that follow."""
        if len(ids) == 0 or len(ids) * self._shape.bytes > self._limit:
            return
        path = self._walk(ids)
        parent, known = self._root, 0
        if path:
            node, first, used = path[-1]
            if used < len(node.ids):
                node = self._split(node, used)
                path[-1] = (node, first, used)
            parent, known = node, first + used
        if known < len(ids):
            values = self._shape.run(len(ids) - known)
            copy(values, known, len(ids))
            node = _Node(ids[known:].copy(), values, parent)
            parent.children[int(ids[known])] = node
            self.bytes += node.bytes
            path.append((node, known, len(node.ids)))
        last = path[-1][0]
        if logits is not None and last.logits is None:
            last.logits = logits.clone()
            self.bytes += logits.nbytes
        self._touch(path)
        while self.bytes > self._limit:
            self._remove(next(iter(self._uses)))

    def clear(self) -> None:
        self._root.children.clear()
        self._uses.clear()
        self.bytes = 0

    def _walk(self, ids: Ids) -> list[tuple[_Node, int, int]]:
        """Nodes along `ids`: each with where it begins in them, and how many of its own ids are the same."""
        path: list[tuple[_Node, int, int]] = []
        node, first = self._root, 0
        while first < len(ids):
            child = node.children.get(int(ids[first]))
            if child is None:
                break
            used = common(child.ids, ids[first:])
            path.append((child, first, used))
            if used < len(child.ids):
                break
            first += used
            node = child
        return path

    def _touch(self, path: list[tuple[_Node, int, int]]) -> None:
        for node, _, _ in reversed(path):
            self._uses.pop(node, None)
            self._uses[node] = None

    def _split(self, node: _Node, at: int) -> _Node:
        """Cuts a node in two and gives back the upper part."""
        parent = node.parent
        assert parent is not None
        upper = _Node(node.ids[:at].copy(), node.values[:, :, :, :at].clone(), parent)
        parent.children[int(upper.ids[0])] = upper
        upper.children[int(node.ids[at])] = node
        node.ids, node.values, node.parent = node.ids[at:].copy(), node.values[:, :, :, at:].clone(), upper
        return upper

    def _remove(self, leaf: _Node) -> None:
        del self._uses[leaf]
        assert leaf.parent is not None
        del leaf.parent.children[int(leaf.ids[0])]
        self.bytes -= leaf.bytes


def common(a: Ids, b: Ids) -> int:
    """How many ids two sequences begin with alike."""
    most = min(len(a), len(b))
    differ = a[:most] != b[:most]
    return int(differ.argmax()) if differ.any() else most
