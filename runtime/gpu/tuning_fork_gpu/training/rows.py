"""Packs as rows: of each only what some target sees, so that padding and whatever nothing is trained on cost nothing.

A row can be cut in two by its targets: both halves compute what they share, and their gradients add up to the whole's. So any row becomes
small enough for any memory, or plain paths for models that take no trees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..protocol.packs import Pack

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """One sequence. Token j is visible from token i exactly when `j <= i and i < end[j]`."""

    id: Ints
    position: Ints
    end: Ints
    parent: Ints
    """Of each target: the token whose logits predict it."""
    wanted: Ints
    """The id of each target. It stands in no column unless something else is seen through it."""
    at: Ints
    """Which target of all packs each is."""

    def __len__(self) -> int:
        return len(self.id)

    @property
    def is_path(self) -> bool:
        return bool((self.end == len(self)).all() and (np.diff(self.position) == 1).all())

    def of(self, targets: NDArray[np.bool_] | Ints) -> Row:
        """Some of its targets, and what they see."""
        parent = self.parent[targets]
        # how many of the targets stand before each token: a token is seen where one stands between it and its end
        before = np.concatenate([[0], np.cumsum(np.bincount(parent, minlength=len(self)))])
        kept = before[self.end] > before[:-1]
        place = np.concatenate([[0], np.cumsum(kept)])
        return Row(self.id[kept], self.position[kept], place[self.end[kept]], place[parent], self.wanted[targets], self.at[targets])

    def halves(self) -> tuple[Row, Row] | None:
        """None where a single target's own path is all there is."""
        order = np.argsort(self.parent, kind="stable")
        half = len(order) // 2
        if half == 0:
            return None
        return self.of(np.sort(order[:half])), self.of(np.sort(order[half:]))

    def paths(self) -> Iterator[Row]:
        """The fewest rows without branches that hold each target once."""
        left = np.ones(len(self.parent), np.bool_)
        index = np.arange(len(self))
        while left.any():
            leaf = self.parent[left].max()
            on_path = (index <= leaf) & (leaf < self.end)
            mine = left & on_path[self.parent]
            yield self.of(mine)
            left &= ~mine


def rows_of(packs: Sequence[Pack], chosen: Sequence[int]) -> list[Row]:
    """The rows of the chosen packs that have targets. Targets are numbered over all packs, chosen or not."""
    first = np.concatenate([[0], np.cumsum([len(pack.targets.node) for pack in packs])])
    rows: list[Row] = []
    for number in chosen:
        pack = packs[number]
        ids, position, parent, end = (column.numpy().astype(np.int64) for column in pack.nodes)
        node = pack.targets.node.numpy().astype(np.int64)
        of_row, in_row = np.divmod(node, pack.length)
        for row in np.unique(of_row):
            mine = np.flatnonzero(of_row == row)
            token = in_row[mine]
            whole = Row(ids[row], position[row], end[row], parent[row][token], ids[row][token], first[number] + mine)
            rows.append(whole.of(np.arange(len(mine))))
    return rows


def fill(rows: Sequence[Row], budget: int, padded: bool) -> list[list[Row]]:
    """In their order, into batches of at most `budget` tokens, or one row. `padded`: each costs as much as the longest of its batch."""
    batches: list[list[Row]] = []
    tokens = longest = 0
    for row in rows:
        longest_then = max(longest, len(row))
        tokens_then = longest_then * (len(batches[-1]) + 1) if padded and batches else tokens + len(row)
        if not batches or tokens_then > budget:
            batches.append([])
            longest_then = tokens_then = len(row)
        batches[-1].append(row)
        longest, tokens = longest_then, tokens_then
    return batches


def small_enough(rows: Sequence[Row], budget: int) -> list[Row]:
    """Rows longer than the budget are cut, as far as that makes them shorter."""
    cut: list[Row] = []
    for row in rows:
        halves = row.halves() if len(row) > budget and not row.is_path else None
        cut += small_enough(halves, budget) if halves else [row]
    return cut
