"""
A step on a tree against the loop that one writes with transformers alone, on the same rollouts in the same run: one JSON line a figure.

    python test/bench/gpu/training.py [--shape small|0.5b|1.5b] [--device cpu|cuda] [--prompt 1024] [--answer 512] [--rounds 5] [--recompute] [--peak 989]

A group of answers shares a prompt. The peer has one row for each answer, and takes them eight at a time, or fewer where memory runs out; it knows
which logits it needs. Both train all weights, which are random.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from sampling import SHAPES, build
from torch import Tensor
from transformers import PreTrainedModel

sys.path[:0] = [str(Path(__file__).parents[3] / "runtime/gpu"), str(Path(__file__).parents[2] / "gpu")]
from calls import Call, encode, pack, tree
from tuning_fork_gpu.protocol.packs import Pack, PackBody
from tuning_fork_gpu.training.learner import Learner
from tuning_fork_gpu.training.rows import rows_of

GROUP = 8
RATE = 1e-6
MFU = {"0.5b": 0.25, "1.5b": 0.35}
SETTINGS = {
    "learningRate": RATE, "betas": [0.9, 0.999], "eps": 1e-8, "weightDecay": 0.0, "gradClip": 1.0, "clipLow": 0.2, "clipHigh": 0.2, "dualClip": 0, "importanceCap": 0,
    "klCoef": 0, "entropyCoef": 0, "temperature": 1.0,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", default="small", choices=SHAPES)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--prompt", type=int)
    parser.add_argument("--answer", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recompute", action="store_true", help="both forget activations and compute them again")
    parser.add_argument("--peak", type=float, help="TFLOP/s of the device in the model's type; absent: 989 on a GPU (H200, bfloat16), a large product measured here on a CPU")
    given = parser.parse_args()
    on_gpu = given.device.startswith("cuda")
    prompt, answer = given.prompt or (1024 if on_gpu else 256), given.answer or (512 if on_gpu else 128)
    model = build(given.shape, given.device, torch.bfloat16 if on_gpu else torch.float32)
    group = made_up(prompt, answer, model.config.vocab_size)
    theirs = Peer(copy.deepcopy(model), group, prompt, given.recompute)
    ours = Ours(model, group, given.recompute)

    mine, peer = Side(ours.step, given.device), Side(theirs.step, given.device)
    for _ in range(given.rounds + 2):  # the first two warm up
        mine.round()
        peer.round()
    assert abs(ours.norm - theirs.norm) < 0.1 * theirs.norm, f"not the same work: the norms of the gradients are {ours.norm} and {theirs.norm}"

    seconds, their_seconds = statistics.median(mine.seconds[2:]), statistics.median(peer.seconds[2:])
    device = torch.cuda.get_device_name() if on_gpu else f"CPU, {torch.get_num_threads()} threads"
    what = f"Qwen2 of the shape {given.shape}, {str(model.dtype).removeprefix('torch.')}, {device}; a prompt of {prompt} tokens, {GROUP} answers of {answer}"
    naive, distinct = GROUP * (prompt + answer), prompt + GROUP * answer
    report(
        "train_wall_vs_naive_rows", seconds, their_seconds, their_seconds / seconds, "s", 1.7,
        f"{what}; {naive} tokens in rows are {distinct} in a tree, so {naive / distinct:.2f} if only tokens counted; "
        f"peer: {theirs.rows} rows at once, sdpa, fused AdamW, {'with' if given.recompute else 'without'} gradient checkpointing, as ours; attention of ours: {ours.attention}",
    )  # fmt: skip
    peak = given.peak or (989.0 if on_gpu else measured_peak())
    useful = flops(ours) / seconds / 1e12
    least = MFU[given.shape] if on_gpu and given.shape in MFU else None
    report("mfu_distinct_tokens", useful, peak, useful / peak, "TFLOP/s", least, f"{what}; peak {peak:.3g} TFLOP/s; nothing that is computed twice is counted twice")
    if on_gpu:
        report("train_peak_memory", mine.memory / 2**30, peer.memory / 2**30, peer.memory / mine.memory, "GiB", None, f"{what}; of a step, above what stays between steps: activations, logits, gradients (in float32 with ours)")


def report(name: str, ours: float, peer: float, ratio: float, unit: str, least: float | None, note: str) -> None:
    bound = "reported" if least is None else f">= {least:g}"
    print(json.dumps({"name": name, "ours": ours, "peer": peer, "ratio": ratio, "unit": unit, "bound": bound, "holds": least is None or ratio >= least, "note": note}), flush=True)


class Side:
    def __init__(self, step: Callable[[], None], device: str) -> None:
        self.step, self.device = step, device
        self.seconds: list[float] = []
        self.memory = 0

    def round(self) -> None:
        on_gpu = self.device.startswith("cuda")
        if on_gpu:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        began = time.perf_counter()
        self.step()
        if on_gpu:
            torch.cuda.synchronize()
            # above what stays between steps, which is of both sides; the first steps make the optimizer's moments
            self.memory = torch.cuda.max_memory_allocated() - before
        self.seconds.append(time.perf_counter() - began)


def made_up(prompt: int, answer: int, vocabulary: int) -> list[Call]:
    chance = torch.Generator().manual_seed(1)
    asked = torch.randint(vocabulary, (prompt,), generator=chance).tolist()
    absent = [float("nan")] * answer
    return [Call(asked, torch.randint(vocabulary, (answer,), generator=chance).tolist(), 1.0 - index / 3, 1.0, [0.0] * answer, absent, absent) for index in range(GROUP)]


class Ours:
    def __init__(self, model: PreTrainedModel, group: list[Call], recompute: bool) -> None:
        self.learner = Learner("bench", Path.cwd(), model, None, False, recompute)
        self.learner.fitting.attention()
        one = Pack(*pack([tree(group)]))
        (scores,) = self.learner.score(PackBody.open(encode([one], {"temperature": 1.0})))
        self.packs = [Pack(one.nodes, one.targets._replace(sampled_logprob=scores.logprob))]
        made = self.learner.passes.batch(model, rows_of(self.packs, [0]))
        self.attention = "stretch by stretch" if made.segments else self.learner.passes.attention
        self.targets = sum(len(call.sampled) for call in group)
        self.norm = 0.0

    def step(self) -> None:
        version = self.learner.version
        request: dict[str, Any] = {"stepId": str(version), "version": version, "settings": SETTINGS, "updates": [{"packs": [0], "denominator": float(self.targets)}]}
        answer = self.learner.step(PackBody.open(encode(self.packs, request)))
        self.norm = self.norm or answer["metrics"]["gradNorm"]


class Peer:
    """As one would write it."""

    def __init__(self, model: PreTrainedModel, group: list[Call], prompt: int, recompute: bool) -> None:
        self.model = model.train()
        if recompute:
            model.activation_checkpointing_enable()
        self.optimizer = torch.optim.AdamW(model.parameters(), RATE, weight_decay=0.0, fused=True)
        self.ids = torch.tensor([call.prompt + call.sampled for call in group], device=model.device)
        self.advantage = torch.tensor([call.advantage for call in group], device=model.device)
        self.answer = self.ids.shape[1] - prompt
        self.rows = len(group)
        self.norm = 0.0

    def step(self) -> None:
        while True:
            try:
                for start in range(0, len(self.ids), self.rows):
                    self.loss(slice(start, start + self.rows)).backward()
                break
            except torch.OutOfMemoryError:
                self.rows //= 2
            self.optimizer.zero_grad()
            torch.cuda.empty_cache()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.norm = self.norm or float(norm)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def loss(self, rows: slice) -> Tensor:
        ids = self.ids[rows]
        logits = self.model(ids, use_cache=False, logits_to_keep=self.answer + 1).logits[:, :-1].float()
        logprob = logits.log_softmax(-1).gather(2, ids[:, -self.answer :, None])[..., 0]
        ratio = (logprob - logprob.detach()).exp()
        advantage = self.advantage[rows, None]
        return -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).sum() / (len(self.ids) * self.answer)


def flops(ours: Ours) -> float:
    """Of one step: two for each weight and token, four for each pair of tokens that see each other, layer and unit of width; twice as much on the way back."""
    config = ours.learner.model.config
    (row,) = rows_of(ours.packs, [0])
    head = config.vocab_size * config.hidden_size
    body = ours.learner.model.num_parameters() - head
    pairs = int((row.end - torch.arange(len(row)).numpy()).sum())
    return 3 * (2 * body * len(row) + 2 * head * ours.targets + 4 * config.num_hidden_layers * config.hidden_size * pairs)


def measured_peak() -> float:
    one = torch.randn(1024, 1024)
    times = []
    for _ in range(100):
        began = time.perf_counter()
        one @ one
        times.append(time.perf_counter() - began)
    return 2 * 1024**3 / min(times) / 1e12


if __name__ == "__main__":
    main()
