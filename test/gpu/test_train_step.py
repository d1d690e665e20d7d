"""The step on linear, packed and tree columns against a plain reference, and mistakes planted in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from calls import Call, made_up, pack, path, tree, with_logprobs
from models import KINDS, VOCABULARY, objective, small
from reference import logprobs_of, loss_of
from torch import Tensor
from tuning_fork_gpu.export import train_step
from tuning_fork_gpu.export.train_step import Optimizer, TrainStep
from tuning_fork_gpu.loss import METRICS, Nodes, Objective, Targets

Pack = tuple[Nodes, Targets]
LAYOUTS: dict[str, Callable[[Sequence[Call]], list[Pack]]] = {
    "linear": lambda calls: [pack([path(call) for call in calls])],
    "one row a call": lambda calls: [pack([path(call)]) for call in calls],
    "packed": lambda calls: [pack([path(call) for call in calls], length=64)],
    "tree": lambda calls: [pack([tree(calls)])],
    "trees": lambda calls: [pack([tree(calls[:3]), tree(calls[3:])], length=100)],
    "trees and micro-batches": lambda calls: [pack([tree(calls[:2])]), pack([tree(calls[2:])], length=90)],
}


def group(kind: str, seed: int = 1, spread: float = 0.3, temperature: float = 0.8) -> list[Call]:
    calls = made_up(seed, VOCABULARY)
    return with_logprobs(calls, logprobs_of(small(kind)[0], calls, temperature), spread)


def run(step: TrainStep, weights: Tensor, packs: Sequence[Pack], given: Objective) -> tuple[dict[str, float], Tensor]:
    gradients, totals = torch.zeros_like(weights), torch.zeros(len(METRICS))
    for nodes, targets in packs:
        gradients, _, _, metrics = step.gradients(weights, gradients, nodes, targets, given)
        totals = totals + metrics
    return dict(zip(METRICS, totals.tolist(), strict=True)), gradients


def naive(kind: str, calls: Sequence[Call], given: Objective) -> tuple[float, Tensor]:
    model, step, _ = small(kind)
    model.zero_grad()
    loss = loss_of(model, calls, given)
    loss.backward()
    return loss.item(), step.layout.flatten({name: weight.grad for name, weight in model.named_parameters()})


def differs(kind: str, layout: str, calls: Sequence[Call], given: Objective) -> float:
    """Of loss or gradients, whichever is further from the reference, as a part of it."""
    _, step, weights = small(kind)
    loss, gradients = naive(kind, calls, given)
    metrics, ours = run(step, weights, LAYOUTS[layout](calls), given)
    return max(abs(metrics["loss"] - loss) / abs(loss), float((ours - gradients).norm() / gradients.norm()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_loss_and_gradients_are_the_plain_reference_s(kind: str, layout: str) -> None:
    for seed in range(4):
        assert differs(kind, layout, group(kind, seed), objective()) < 2e-5


@pytest.mark.parametrize(
    "changes",
    [{"temperature": 1.3}, {"kl_coefficient": 0.0}, {"entropy_coefficient": 0.0}, {"dual_clip": torch.inf}, {"truncation": torch.inf}, {"clip_low": 0.01, "clip_high": 0.0}],
    ids=str,
)
@pytest.mark.parametrize("layout", ["linear", "tree"])
def test_every_hyperparameter_is_the_reference_s(layout: str, changes: dict[str, float]) -> None:
    for seed in range(3):
        assert differs("qwen2", layout, group("qwen2", seed, 0.7, changes.get("temperature", 0.8)), objective(**changes)) < 2e-5


def test_layouts_and_micro_batches_agree_in_float64() -> None:
    _, step, weights = small("qwen2")
    for seed in range(4):
        calls = group("qwen2", seed)
        (first, wanted), *others = (run(step, weights.double(), layout(calls), objective()) for layout in LAYOUTS.values())
        for metrics, gradients in others:
            assert abs(metrics["loss"] - first["loss"]) < 1e-6 * abs(first["loss"])
            assert (gradients - wanted).abs().max() < 1e-10 * wanted.abs().max()


def test_score_gives_the_logprobs_the_reference_computes() -> None:
    model, step, weights = small("qwen2")
    calls = group("qwen2")
    for call, wanted in zip(calls, logprobs_of(model, calls, 0.8), strict=True):
        nodes, targets = pack([path(call)])
        logprobs, entropies = step.score(weights, nodes, targets.node, torch.tensor(0.8))
        assert torch.allclose(logprobs, torch.tensor(wanted), atol=2e-6)
        assert (entropies > 0).all()
    nodes, targets = pack([tree(calls)])
    scored = step.score(weights, nodes, targets.node, torch.tensor(0.8))
    stepped = step.gradients(weights, torch.zeros_like(weights), nodes, targets, objective())
    assert all(torch.equal(one, other) for one, other in zip(scored, stepped[1:3], strict=True))


def test_metrics_are_what_a_token_by_token_count_says() -> None:
    _, step, weights = small("qwen2")
    given = objective()
    calls = group("qwen2", 2, spread=1.2)
    metrics, _ = run(step, weights, LAYOUTS["linear"](calls), given)
    counts = dict.fromkeys(METRICS, 0.0)
    for call, now in zip(calls, logprobs_of(small("qwen2")[0], calls, 0.8), strict=True):
        for lp, old, sampled, ref in zip(now, call.old_logprob, call.sampled_logprob, call.ref_logprob, strict=True):
            ratio, importance = torch.tensor([lp - old, old - sampled]).exp().tolist()
            counts["ratio"] += ratio
            counts["clipped_high"] += call.advantage > 0 and ratio > 1.28
            counts["clipped_low"] += call.advantage < 0 and ratio < 0.8
            counts["dual_clipped"] += call.advantage < 0 and ratio > 3
            counts["importance"] += min(importance, 2.0)
            counts["truncated"] += importance > 2
            counts["logprob_difference"] += abs(lp - sampled)
            counts["kl"] += float(torch.tensor(ref - lp).exp()) - (ref - lp) - 1
    assert min(counts[name] for name in ("clipped_high", "clipped_low", "dual_clipped", "truncated")) >= 1
    assert {name: metrics[name] for name in counts if counts[name]} == pytest.approx({name: value for name, value in counts.items() if value}, rel=1e-4)
    assert metrics["loss"] == pytest.approx(metrics["policy_loss"] + metrics["kl_loss"] + metrics["entropy_loss"], rel=1e-5)


def test_an_unscored_old_logprob_is_the_one_of_now() -> None:
    model, step, weights = small("qwen2")
    calls = group("qwen2")
    now = logprobs_of(model, calls, 0.8)
    on_policy = [replace(call, old_logprob=logprobs) for call, logprobs in zip(calls, now, strict=True)]
    unscored = [replace(call, old_logprob=[torch.nan] * len(call.sampled)) for call in calls]
    for layout in ("linear", "tree"):
        (one, wanted), (other, gradients) = (run(step, weights, LAYOUTS[layout](some), objective()) for some in (on_policy, unscored))
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-5)
        assert (gradients - wanted).norm() < 1e-5 * wanted.norm()


def test_a_missing_reference_is_not_read_without_kl_and_refused_with_it() -> None:
    _, step, weights = small("qwen2")
    missing = [replace(call, ref_logprob=[torch.nan] * len(call.sampled)) for call in group("qwen2")]
    assert run(step, weights, LAYOUTS["tree"](missing), objective(kl_coefficient=0.0))[1].isfinite().all()
    _, gradients = run(step, weights, LAYOUTS["tree"](missing), objective())
    zeros = torch.zeros_like(weights)
    *unchanged, norm, done = step.update(weights, gradients, zeros, zeros, optimizer(1))
    assert not done and not norm.isfinite()
    assert all(torch.equal(one, other) for one, other in zip(unchanged, (weights, zeros, zeros), strict=True))


def optimizer(step: int, **changes: float) -> Optimizer:
    values = {"step": step, "learning_rate": 1e-2, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8, "weight_decay": 0.1, "max_norm": 0.5} | changes
    return Optimizer(**{name: torch.tensor(float(value), dtype=torch.float64) for name, value in values.items()})


@pytest.mark.parametrize("max_norm", [0.5, torch.inf])
def test_update_is_adamw_after_clipping(max_norm: float) -> None:
    _, step, start = small("qwen2")
    weights, mean, square = start, torch.zeros_like(start), torch.zeros_like(start)
    peer = torch.nn.Parameter(start.clone())
    adamw = torch.optim.AdamW([peer], lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
    for k in range(1, 7):
        gradients = torch.randn(start.shape, generator=torch.Generator().manual_seed(k)) * 10.0**-k
        weights, mean, square, norm, done = step.update(weights, gradients, mean, square, optimizer(k, max_norm=max_norm))
        peer.grad = gradients.clone()
        wanted = torch.nn.utils.clip_grad_norm_([peer], max_norm)
        adamw.step()
        assert done and norm.item() == pytest.approx(wanted.item(), rel=1e-5)
        assert torch.allclose(weights, peer.detach(), atol=1e-6)


# Mistakes that real trainers made; each must be seen.


def everything_before(end: Tensor) -> Tensor:
    return torch.full((end.shape[1],) * 2, -torch.inf).triu(1).expand(end.shape[0], 1, -1, -1)


def nodes_with(**columns: Callable[[Nodes], Tensor]) -> Callable[[Pack], Pack]:
    return lambda given: (given[0]._replace(**{name: change(given[0]) for name, change in columns.items()}), given[1])


PACK_MISTAKES: dict[str, Callable[[Pack], Pack]] = {
    "the token before instead of the parent": nodes_with(parent=lambda nodes: torch.arange(nodes.id.shape[1], dtype=torch.int32).expand_as(nodes.id) - 1),
    "positions by index": nodes_with(position=lambda nodes: torch.arange(nodes.id.shape[1], dtype=torch.int32).expand_as(nodes.id)),
    "logits of the node itself": nodes_with(parent=lambda nodes: nodes.parent + 1),
    "targets shifted by one": lambda given: (given[0], given[1]._replace(node=given[1].node - 1)),
    "subtrees one longer": nodes_with(end=lambda nodes: (nodes.end + 1).clamp(max=nodes.id.shape[1])),
    "advantages without their sign": lambda given: (given[0], given[1]._replace(up=given[1].up - given[1].down, down=torch.zeros_like(given[1].down))),
}


@pytest.mark.parametrize("mistake", PACK_MISTAKES)
def test_wrong_columns_are_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, "mistaken", lambda calls: [PACK_MISTAKES[mistake](one) for one in LAYOUTS["tree"](calls)])
    assert differs("qwen2", "mistaken", group("qwen2"), objective()) > 1e-2


@pytest.mark.parametrize("layout", ["packed", "tree"])
def test_a_plain_causal_mask_is_seen(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_step, "mask", everything_before)
    assert differs("qwen2", layout, group("qwen2"), objective()) > 1e-2
    assert differs("qwen2", "one row a call", group("qwen2"), objective()) < 2e-5, "and there it would be right"


def test_a_mean_of_means_is_seen() -> None:
    _, step, weights = small("qwen2")
    calls = group("qwen2")
    loss, gradients = naive("qwen2", calls, objective())
    packs = [pack([tree(calls[:1])]), pack([tree(calls[1:])])]
    count = sum(len(targets.node) for _, targets in packs)
    halves = [run(step, weights, [one], objective(denominator=3.0 * len(packs) * len(one[1].node) / count)) for one in packs]
    assert abs(sum(metrics["loss"] for metrics, _ in halves) - loss) > 1e-2 * abs(loss)
    assert (sum(part for _, part in halves) - gradients).norm() > 1e-2 * gradients.norm()


def test_an_importance_weight_of_now_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = train_step.objective
    monkeypatch.setattr(train_step, "objective", lambda logprob, entropy, targets, given: right(
        logprob, entropy, targets._replace(sampled_logprob=targets.sampled_logprob - logprob.detach() + targets.old_logprob), given))  # fmt: skip
    assert differs("qwen2", "linear", group("qwen2"), objective()) > 1e-2
