"""Made-up calls of a group, and the columns a tracker lays them out in."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from safetensors.numpy import save
from tuning_fork_gpu.loss import Nodes, Targets
from tuning_fork_gpu.protocol.packs import KINDS, Pack


@dataclass(frozen=True)
class Call:
    prompt: list[int]
    sampled: list[int]
    advantage: float
    weight: float
    sampled_logprob: list[float] = field(default_factory=list)
    old_logprob: list[float] = field(default_factory=list)
    ref_logprob: list[float] = field(default_factory=list)


def made_up(seed: int, vocabulary: int, longest: int = 6) -> list[Call]:
    """Turns, forks, retries and words said twice, so that much is shared."""
    chance = random.Random(seed)

    def words(most: int) -> list[int]:
        return [chance.randrange(vocabulary) for _ in range(chance.randint(1, most))]

    task = words(longest)
    calls: list[Call] = []
    for rollout in range(4):
        advantage, text = chance.uniform(-2, 2), task
        for _ in range(chance.randint(1, 3)):
            said = next((call.sampled for call in calls if call.prompt == text and chance.random() < 0.6), None) or words(longest)
            calls.append(Call(text, said, advantage, 1 / (rollout + 2)))
            if chance.random() < 0.3:  # said again from the same prompt
                calls.append(Call(text, words(longest), advantage, 0.5))
            text = [*text, *said, *words(3)]
    return calls


def with_logprobs(calls: Sequence[Call], now: Sequence[Sequence[float]], spread: float) -> list[Call]:
    """Old, reference and sampled logprobs around those of now, the same for the same token in the same context."""

    def near(text: list[int], salt: int) -> float:
        return random.Random(hash((salt, *text))).gauss(0, spread)

    def moved(call: Call, logprobs: Sequence[float], salt: int) -> list[float]:
        texts = [call.prompt + call.sampled[: i + 1] for i in range(len(call.sampled))]
        return [float(torch.tensor(value + near(text, salt))) for value, text in zip(logprobs, texts, strict=True)]

    return [
        replace(call, sampled_logprob=moved(call, logprobs, 1), old_logprob=moved(call, logprobs, 2), ref_logprob=moved(call, logprobs, 3))
        for call, logprobs in zip(calls, now, strict=True)
    ]


@dataclass
class Sequence_:
    """One sequence: columns of nodes, and the targets at them."""

    id: list[int] = field(default_factory=list)
    position: list[int] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    targets: list[list[float]] = field(default_factory=list)


def path(call: Call) -> Sequence_:
    return tree([call])


def tree(calls: Iterable[Call]) -> Sequence_:
    """All calls in one forest, depth-first; equal targets are one."""
    children: dict[tuple[int, ...], list[tuple[int, ...]]] = {(): []}
    targets: dict[tuple[tuple[int, ...], float], list[float]] = {}
    for call in calls:
        text = tuple(call.prompt + call.sampled)
        for depth in range(len(text)):
            if text[: depth + 1] not in children:
                children[text[: depth + 1]] = []
                children[text[:depth]].append(text[: depth + 1])
        for i, sampled in enumerate(call.sampled_logprob):
            key = (text[: len(call.prompt) + i + 1], sampled)
            target = targets.setdefault(key, [0.0, sampled, call.old_logprob[i], call.ref_logprob[i], 0.0, 0.0, 0.0])
            target[4] += call.weight
            target[5] += call.weight * max(call.advantage, 0.0)
            target[6] += call.weight * min(call.advantage, 0.0)

    made = Sequence_()
    at: dict[tuple[int, ...], int] = {}

    def visit(text: tuple[int, ...], parent: int) -> None:
        index = at[text] = len(made.id)
        made.id.append(text[-1])
        made.position.append(len(text) - 1)
        made.parent.append(parent)
        made.end.append(0)
        for child in children[text]:
            visit(child, index)
        made.end[index] = len(made.id)

    for root in children[()]:
        visit(root, -1)
    made.targets = [[at[text], *target[1:]] for (text, _), target in targets.items()]
    return made


def pack(sequences: Sequence[Sequence_], length: int | None = None) -> tuple[Nodes, Targets]:
    """Rows of one length, several sequences in a row where they fit."""
    length = length or max(len(one.id) for one in sequences)
    rows: list[list[list[int]]] = []
    targets: list[list[float]] = []
    for one in sequences:
        if not rows or len(rows[-1][0]) + len(one.id) > length:
            rows.append([[], [], [], []])
        start = len(rows[-1][0])
        for column, values in zip(rows[-1], (one.id, one.position, [start + p if p >= 0 else -1 for p in one.parent], [start + e for e in one.end]), strict=True):
            column.extend(values)
        targets.extend([(len(rows) - 1) * length + start + target[0], *target[1:]] for target in one.targets)
    for row in rows:
        for i in range(len(row[0]), length):
            for column, value in zip(row, (0, 0, -1, i + 1), strict=True):
                column.append(value)
    nodes = Nodes(*(torch.tensor([row[k] for row in rows], dtype=torch.int32) for k in range(4)))
    columns = torch.tensor(targets, dtype=torch.float64).T
    return nodes, Targets(columns[0].int(), *(column.float() for column in columns[1:4]), *columns[4:])


def encode(packs: Sequence[Pack], request: Mapping[str, object]) -> bytes:
    """The body of a score or a step, as the tracker's side writes it."""
    columns = {
        f"{index}/{name}": column.numpy().astype(kind)
        for index, (nodes, targets) in enumerate(packs)
        for (name, kind), column in zip(KINDS.items(), (*nodes, *targets), strict=True)
    }
    return save(columns, {"request": json.dumps(request)})
