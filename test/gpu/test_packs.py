"""Packs as they come over the wire: read as they were written, or refused with a sentence that names the place."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from calls import Call, encode, made_up
from learners import SETTINGS, one_tree
from safetensors.numpy import load, save
from tuning_fork_gpu.errors import Refusal
from tuning_fork_gpu.protocol.packs import Limits, Pack, PackBody, Scores, encode_scores
from tuning_fork_gpu.protocol.requests import ScoreRequest, StepRequest

LIMITS = Limits(vocabulary=40, context=64)
REQUEST = {"stepId": "a", "version": 0, "settings": SETTINGS, "updates": [{"packs": [0], "denominator": 1.0}]}


def made(seed: int = 1) -> Pack:
    return one_tree([Call(call.prompt, call.sampled, call.advantage, call.weight, *([[-1.5] * len(call.sampled)] * 3)) for call in made_up(seed, 40)])


def header(body: bytes) -> dict[str, str]:
    return json.loads(body[8 : 8 + int.from_bytes(body[:8], "little")])["__metadata__"]


def test_packs_are_read_as_they_were_written() -> None:
    packs = [made(1), made(2)]
    body = PackBody.open(encode(packs, REQUEST))
    assert body.request == REQUEST
    for ours, wanted in zip(body.packs(LIMITS), packs, strict=True):
        for table, other in zip(ours, wanted, strict=True):
            assert all(torch.equal(column, was.to(column.dtype)) for column, was in zip(table, other, strict=True))


def test_a_pack_without_targets_is_one() -> None:
    one = made()
    empty = Pack(one.nodes, type(one.targets)(*(column[:0] for column in one.targets)))
    (pack,) = PackBody.open(encode([empty], REQUEST)).packs(LIMITS)
    assert len(pack.targets.node) == 0


def test_scores_are_what_safetensors_reads() -> None:
    body = encode_scores([Scores(torch.tensor([-1.0, -2.0]), torch.tensor([0.5, 0.25])), Scores(torch.zeros(0), torch.zeros(0))], 7)
    read = load(body)
    assert read["0/logprob"].tolist() == [-1, -2] and read["0/entropy"].tolist() == [0.5, 0.25] and read["1/logprob"].shape == (0,)
    assert json.loads(header(body)["answer"]) == {"version": 7}


def changed(column: str, index: int, value: float) -> Callable[[dict[str, np.ndarray]], None]:
    def change(tensors: dict[str, np.ndarray]) -> None:
        tensors[f"0/{column}"].reshape(-1)[index] = value

    return change


def without(column: str) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda tensors: [tensors.pop(f"0/{column}")] and None


def replaced(column: str, values: np.ndarray) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda tensors: tensors.update({f"0/{column}": values})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changed("id", 3, 40), "The id of token 3 of row 0 in pack 0 is 40; this model has ids from 0 to 39."),
        (changed("id", 3, -1), "The id of token 3 of row 0 in pack 0 is -1"),
        (changed("position", 2, 64), "The position of token 2 of row 0 in pack 0 is 64; this model has a context of 64."),
        (changed("end", 2, 2), "The subtree of token 2 of row 0 in pack 0 ends at 2, not within 3 to "),
        (changed("end", 2, 10_000), "The subtree of token 2 of row 0 in pack 0 ends at 10000"),
        (changed("parent", 2, 2), "The parent of token 2 of row 0 in pack 0 is 2; it must stand before it, or be -1."),
        (changed("parent", 2, -2), "The parent of token 2 of row 0 in pack 0 is -2"),
        (changed("end", 0, 1), "The subtree of token 1 of row 0 in pack 0 ends after that of its parent 0."),
        (changed("node", 1, -1), '"node" of target 1 of pack 0 is -1, and there are '),
        (changed("node", 1, 10_000), '"node" of target 1 of pack 0 is 10000, and there are '),
        (changed("node", 1, 0), '"node" of target 1 of pack 0 is 0, a root, which nothing predicts.'),
        (changed("old", 1, math.inf), '"old" of target 1 of pack 0 is inf: a logprob that is infinite is none.'),
        (changed("weight", 1, math.nan), '"weight" of target 1 of pack 0 is nan: it is a finite number.'),
        (changed("up", 1, -1), '"up" of target 1 of pack 0 is -1.0: it is a sum of positive advantages.'),
        (changed("down", 1, 1), '"down" of target 1 of pack 0 is 1.0: it is a sum of negative advantages.'),
        (without("end"), 'The tensor "0/end" is missing.'),
        (replaced("end", np.zeros((2, 2), "<i4")), '"0/end" has the shape [2, 2]; all nodes have the same [rows, length]'),
        (lambda tensors: tensors.update({f"0/{name}": np.zeros((0, 2), "<i4") for name in ("id", "position", "parent", "end")}), "Pack 0 has no nodes."),
        (replaced("id", np.zeros(2, "<i4")), '"0/id" has the shape [2]; all nodes have the same [rows, length]'),
        (replaced("weight", np.zeros(3, "<f4")), '"0/weight" is float32 and must be float64.'),
        (lambda tensors: tensors.update({"0/more": np.zeros(3, "<f4")}), 'The tensor "1/id" is missing.'),
        (lambda tensors: tensors.clear(), "There are no packs."),
    ],
)  # fmt: skip
def test_what_is_no_pack_is_refused_by_its_place(change: Callable[[dict[str, np.ndarray]], None], told: str) -> None:
    tensors = load(encode([made()], REQUEST))
    change(tensors)
    with pytest.raises(Refusal) as caught:
        PackBody.open(save(tensors, {"request": json.dumps(REQUEST)})).packs(LIMITS)
    assert caught.value.status == 400 and told in caught.value.message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *((path, value) for path in ("version", "settings.eps", "settings.temperature", "updates.0.denominator") for value in (None, "1", True, -1, math.nan, math.inf, 10**400, [])),
        ("version", 0.5), ("settings.eps", 0), ("settings.temperature", 0), ("settings.betas", [0.9]), ("settings.betas", [0.9, 1]), ("settings", []), ("settings.clipLow", -0.1),
        ("stepId", ""), ("stepId", "x" * 201), ("stepId", 3), ("updates", []), ("updates", {}), ("updates.0", 3), ("updates.0.packs", []), ("updates.0.packs", [-1]),
        ("updates.0.packs", [True]),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_request_is_refused_by_its_key(path: str, value: Any) -> None:
    request = json.loads(json.dumps(REQUEST))
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    at = request
    for part in way:
        at = at[part]
    at[last] = value
    with pytest.raises(Refusal) as caught:
        StepRequest.parse(request)
    assert caught.value.status == 400 and f'"{path}' in caught.value.message


@pytest.mark.parametrize("value", [None, [], 3, "text", {}, {"temperature": 0}, {"temperature": 1, "checkpoint": ""}, {"temperature": 1, "checkpoint": 3}], ids=str)
def test_what_is_no_score_request_is_refused(value: Any) -> None:
    with pytest.raises(Refusal):
        ScoreRequest.parse(value)


@pytest.mark.parametrize("body", [b"", b"1234567", b"\xff" * 8, (10**9).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]", (2).to_bytes(8, "little") + b"{}"])
def test_what_is_no_safetensors_body_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        PackBody.open(body)
    assert caught.value.status == 400


def test_whatever_bytes_come_they_are_read_or_refused() -> None:
    whole = encode([made(1), made(2)], REQUEST)
    chance = random.Random(1)
    refused = 0
    for _ in range(1500):
        body = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.2 else whole)
        for _ in range(chance.randrange(1, 6)):
            if body:
                # mostly in the header, which says how all else is read
                body[min(int(chance.expovariate(1 / 600)), len(body) - 1)] = chance.randrange(256)
        try:
            opened = PackBody.open(bytes(body))
            StepRequest.parse(opened.request)
            opened.packs(LIMITS)
        except Refusal as refusal:
            refused += 1
            assert refusal.status == 400 and refusal.message.endswith(".") and len(refusal.message) < 2000
    assert refused > 500


def test_a_header_nested_without_end_is_refused() -> None:
    text = b"[" * 100_000
    with pytest.raises(Refusal):
        PackBody.open(len(text).to_bytes(8, "little") + text)
