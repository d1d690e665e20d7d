"""The checklist of mistakes that trainers make, line by line, on a model as transformers loads it.

Advantages, groups and weights are made before a trainer sees them (`runtime/training`); the lines here are a trainer's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from calls import Call, made_up
from learners import apart, forgetting, gradients_of, linear, make, naive_gradients, one_tree, plain, score_body, scored, step_body, weights_of
from models import VOCABULARY, objective
from reference import logprobs_of
from tuning_fork_gpu.errors import Refusal
from tuning_fork_gpu.loss import Targets
from tuning_fork_gpu.protocol.packs import Pack
from tuning_fork_gpu.training.learner import Learner


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("qwen2", tmp_path_factory.mktemp("qwen2"))


@pytest.fixture
def learner(qwen: Path) -> Learner:
    return Learner.load(str(qwen))


def group(qwen: Path, seed: int = 1, spread: float = 0.3, temperature: float = 0.8) -> list[Call]:
    return scored(plain(qwen), made_up(seed, VOCABULARY), spread, temperature)


def refusal(learner: Learner, packs: list[Pack], **changes: Any) -> str:
    before = weights_of(learner)
    with pytest.raises(Refusal) as caught:
        learner.step(step_body(packs, **changes))
    assert caught.value.status == 400 and learner.version == 0
    assert all(torch.equal(weight, before[name]) for name, weight in weights_of(learner).items())
    return caught.value.message


# Advantage


def test_groups_without_spread_all_dropped_is_no_step_and_no_nan(learner: Learner, qwen: Path) -> None:
    one = one_tree(group(qwen))
    assert "has no targets" in refusal(learner, [Pack(one.nodes, Targets(*(column[:0] for column in one.targets)))])


def test_groups_without_spread_not_dropped_leave_the_weights(learner: Learner, qwen: Path) -> None:
    before = weights_of(learner)
    calls = [replace(call, advantage=0.0) for call in group(qwen)]
    metrics = learner.step(step_body([one_tree(calls)], klCoef=0, entropyCoef=0, weightDecay=0))["metrics"]
    assert metrics["gradNorm"] == 0 and metrics["loss"] == 0
    assert all(torch.equal(weight, before[name]) for name, weight in weights_of(learner).items())


# Loss

CHANGES: list[tuple[dict[str, float], dict[str, float]]] = [
    ({}, {}),
    ({"clip_low": 0.01, "clip_high": 0.0}, {"clipLow": 0.01, "clipHigh": 0.0}),
    ({"clip_high": 10.0}, {"clipHigh": 10.0}),
    ({"dual_clip": 1.5}, {"dualClip": 1.5}),
    ({"dual_clip": torch.inf}, {"dualClip": 0}),
    ({"truncation": 1.1}, {"importanceCap": 1.1}),
    ({"truncation": torch.inf}, {"importanceCap": 0}),
    ({"kl_coefficient": 0.0}, {"klCoef": 0}),
    ({"entropy_coefficient": -0.3}, {"entropyCoef": -0.3}),
    ({"temperature": 1.3}, {"temperature": 1.3}),
]


@pytest.mark.parametrize(("theirs", "ours"), CHANGES, ids=lambda change: str(change))
def test_ratio_clip_dual_clip_truncation_kl_entropy_and_temperature(theirs: dict[str, float], ours: dict[str, float], learner: Learner, qwen: Path) -> None:
    for seed in range(2):
        calls = group(qwen, seed, 0.7, ours.get("temperature", 0.8))
        wanted, loss = naive_gradients(plain(qwen), calls, objective(**theirs))
        gradients, our_loss = gradients_of(learner, [one_tree(calls)], **ours)
        assert our_loss == pytest.approx(loss, rel=3e-5, abs=1e-6)
        assert apart(gradients, wanted) < 3e-5


def test_the_ratio_is_clamped_so_that_no_exponential_overflows(learner: Learner, qwen: Path) -> None:
    calls = [replace(call, old_logprob=[-400.0] * len(call.sampled), sampled_logprob=[-400.0] * len(call.sampled)) for call in group(qwen)]
    metrics = learner.step(step_body([one_tree(calls)], klCoef=0))["metrics"]
    assert metrics["skipped"] == 0 and torch.tensor(metrics["loss"]).isfinite()


def test_old_is_what_the_weights_say_at_the_beginning_of_the_step(qwen: Path) -> None:
    packs = [one_tree(group(qwen, 1)), one_tree(group(qwen, 2))]
    unscored = [forgetting(pack, old_logprob=torch.nan) for pack in packs]
    updates = [{"packs": [0], "denominator": 3.0}, {"packs": [1], "denominator": 3.0}, {"packs": [0, 1], "denominator": 6.0}]
    one, other = Learner.load(str(qwen)), Learner.load(str(qwen))
    told = [Pack(pack.nodes, pack.targets._replace(old_logprob=scores.logprob)) for pack, scores in zip(packs, one.score(score_body(packs)), strict=True)]
    wanted = one.step(step_body(told, updates=updates, learningRate=1e-2))["metrics"]
    metrics = other.step(step_body(unscored, updates=updates, learningRate=1e-2))["metrics"]
    assert wanted["ratioMax"] > 1.01, "the weights moved between the updates"
    assert {**metrics, "milliseconds": 0} == pytest.approx({**wanted, "milliseconds": 0}, rel=1e-4)
    start = dict(plain(qwen).named_parameters())
    assert apart({name: weight - start[name] for name, weight in weights_of(other).items()}, {name: weight - start[name] for name, weight in weights_of(one).items()}) < 2e-2


def test_kl_of_0_reads_no_reference_and_kl_without_a_reference_is_refused(learner: Learner, qwen: Path) -> None:
    unscored = [forgetting(one_tree(group(qwen)), ref_logprob=torch.nan)]
    assert "has no reference logprob" in refusal(learner, unscored)
    assert learner.step(step_body(unscored, klCoef=0))["metrics"]["skipped"] == 0


def test_a_logprob_that_is_no_number_is_refused(learner: Learner, qwen: Path) -> None:
    one = one_tree(group(qwen))
    assert "has no sampled logprob" in refusal(learner, [forgetting(one, sampled_logprob=torch.nan)])
    for column in ("sampled_logprob", "old_logprob", "ref_logprob"):
        assert "is infinite" in refusal(learner, [forgetting(one, **{column: -torch.inf})])
    for column, value in (("weight", torch.nan), ("up", -1.0), ("up", torch.inf), ("down", 1.0), ("down", torch.nan)):
        assert f"of target 0 of pack 0 is {value}" in refusal(learner, [forgetting(one, **{column: value})])


def test_logits_of_a_token_score_the_next_and_trainer_and_sampler_agree(learner: Learner, qwen: Path) -> None:
    """Sampled by transformers' own `generate`, with the logprobs it sampled by."""
    torch.manual_seed(3)
    prompt = torch.randint(VOCABULARY, (1, 9))
    out = learner.sampling_copy().generate(
        prompt, attention_mask=torch.ones_like(prompt), do_sample=True, temperature=0.8, top_k=0, top_p=1.0, max_new_tokens=20, num_return_sequences=8,
        return_dict_in_generate=True, output_scores=True, pad_token_id=0,
    )  # fmt: skip
    logprobs = torch.stack(out.scores, 1).log_softmax(-1)
    calls = []
    for index, ids in enumerate(out.sequences[:, 9:]):
        told = logprobs[index].gather(1, ids[:, None])[:, 0].tolist()
        calls.append(Call(prompt[0].tolist(), ids.tolist(), 1.0 - index / 4, 1.0, told, [torch.nan] * 20, [torch.nan] * 20))
    for one in (linear(calls), one_tree(calls)):
        metrics = Learner.load(str(qwen)).step(step_body([one], klCoef=0))["metrics"]
        assert metrics["samplerGap"] < 1e-4
        assert metrics["ratioMean"] == 1 and metrics["ratioMax"] == 1


def test_a_gradient_that_is_not_finite_changes_nothing(learner: Learner, qwen: Path) -> None:
    before = weights_of(learner)
    huge = [forgetting(one_tree(group(qwen)), weight=1e300)]
    good = one_tree(group(qwen))
    updates = [{"packs": [0], "denominator": 3.0}]
    answer = learner.step(step_body(huge, updates=updates))
    assert answer["version"] == 1 and answer["metrics"]["skipped"] == 1 and answer["metrics"]["loss"] is None
    assert all(torch.equal(weight, before[name]) for name, weight in weights_of(learner).items())
    assert all(not mean.any() and not square.any() for _, (mean, square) in learner.optimizer.moments())
    metrics = learner.step(step_body([*huge, good], 1, "b", [{"packs": [0], "denominator": 3.0}, {"packs": [1], "denominator": 3.0}]))["metrics"]
    assert (metrics["updates"], metrics["skipped"], metrics["targets"]) == (2, 1, len(good.targets.node))
    alone = Learner.load(str(qwen))
    alone.step(step_body([good]))
    assert all(torch.equal(weight, weights_of(alone)[name]) for name, weight in weights_of(learner).items())


# Aggregation


def test_the_denominator_is_global_over_all_micro_batches(learner: Learner, qwen: Path) -> None:
    calls = group(qwen)
    wanted, loss = naive_gradients(plain(qwen), calls, objective())
    uneven = [one_tree(calls[:1]), one_tree(calls[1:])]
    ours, our_loss = gradients_of(learner, uneven)
    assert our_loss == pytest.approx(loss, rel=2e-5)
    assert apart(ours, wanted) < 2e-5
    halves = [gradients_of(learner, [one], 3.0 * len(one.targets.node) / sum(len(pack.targets.node) for pack in uneven)) for one in uneven]
    mean_of_means = sum(loss for _, loss in halves) / 2
    assert abs(mean_of_means - loss) > 1e-2 * abs(loss), "which a mean of means is not"


@pytest.mark.parametrize("rows", [8, 4, 2, 1])
def test_gradients_are_equal_for_micro_batches_of_8_4_2_and_1(rows: int, learner: Learner, qwen: Path) -> None:
    calls = group(qwen, 4, spread=0.3)[:8]
    wanted, loss = gradients_of(learner, [linear(calls)])
    packs = [linear(calls[start : start + rows]) for start in range(0, len(calls), rows)]
    ours, our_loss = gradients_of(learner, packs)
    assert our_loss == pytest.approx(loss, rel=1e-5)
    assert apart(ours, wanted) < 1e-5


def test_a_weight_scales_what_a_token_counts_for(learner: Learner, qwen: Path) -> None:
    calls = group(qwen)
    once, loss = gradients_of(learner, [one_tree(calls)])
    doubled, double_loss = gradients_of(learner, [one_tree([replace(call, weight=2 * call.weight) for call in calls])])
    assert double_loss == pytest.approx(2 * loss, rel=1e-5)
    assert apart(doubled, {name: 2 * gradient for name, gradient in once.items()}) < 1e-5


# Multi-turn


def test_nothing_that_was_not_sampled_is_trained(learner: Learner, qwen: Path) -> None:
    """The same answers, with an observation between them of other ids that nothing is trained to say: only what follows it may notice."""
    first, second = [3, 1, 4], [1, 5, 9]
    calls = scored(plain(qwen), [Call([2, 7], first, 1.0, 1.0), Call([2, 7, *first, 11, 12], second, 0.5, 1.0)])
    one = one_tree(calls)
    assert sorted(int(one.nodes.id[0, node]) for node in one.targets.node) == sorted(first + second)
    (scores,) = learner.score(score_body([one]))
    naive = [value for logprobs in logprobs_of(plain(qwen), calls, 0.8) for value in logprobs]
    assert sorted(scores.logprob.tolist()) == pytest.approx(sorted(naive), abs=1e-5)


def test_each_sampled_token_is_trained_once_across_branches(learner: Learner, qwen: Path) -> None:
    """Two rollouts said the same first turn by chance, then differ: in a tree it is one node with the sum of both, in rows it is there twice."""
    calls = scored(plain(qwen), [Call([2, 7], [3, 1], 1.0, 1.0), Call([2, 7], [3, 1], -0.5, 1.0), Call([2, 7, 3, 1, 8], [5], 1.0, 1.0), Call([2, 7, 3, 1, 9], [6], -0.5, 1.0)])
    merged, apart_ = one_tree(calls), linear(calls)
    assert len(merged.targets.node) == 4 and len(apart_.targets.node) == 6
    assert apart(gradients_of(learner, [merged])[0], gradients_of(learner, [apart_])[0]) < 1e-5


def test_a_step_for_other_weights_is_refused(learner: Learner, qwen: Path) -> None:
    packs = [one_tree(group(qwen))]
    with pytest.raises(Refusal, match="made for weights of version 3, and they are at version 0") as caught:
        learner.step(step_body(packs, 3))
    assert caught.value.status == 409
