"""Scores and steps on models as transformers loads them: against naive rows, and against the embedded trainer's own graphs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import conftest
import pytest
import torch
from calls import Call, made_up, pack, path, tree
from learners import (
    SETTINGS,
    apart,
    forgetting,
    gradients_of,
    linear,
    make,
    naive_gradients,
    one_tree,
    plain,
    score_body,
    scored,
    step_body,
    weights_of,
)  # fmt: skip
from models import VOCABULARY, objective
from reference import logprobs_of
from test_training_graphs import Graphs
from tuning_fork_gpu.export.train_step import Optimizer
from tuning_fork_gpu.export.training_graphs import open_step
from tuning_fork_gpu.loss import METRICS, Nodes, Objective
from tuning_fork_gpu.protocol.packs import Pack
from tuning_fork_gpu.training import predict
from tuning_fork_gpu.training.learner import Learner, LoraSettings

EMBEDDED = conftest.ROOT / "runtime/policy/embedded"
GIVEN = objective()
TREES = ["qwen2", "llama", "qwen3"]


@pytest.fixture(scope="module", params=[*TREES, "mistral"])
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("qwen2", tmp_path_factory.mktemp("qwen2"))


def group(directory: Path, seed: int = 1) -> list[Call]:
    return scored(plain(directory), made_up(seed, VOCABULARY))


LAYOUTS = {
    "linear": lambda calls: [linear(calls)],
    "packed": lambda calls: [linear(calls, 64)],
    "tree": lambda calls: [one_tree(calls)],
    "trees and micro-batches": lambda calls: [one_tree(calls[:2]), Pack(*pack([tree(calls[2:4]), tree(calls[4:])], 100))],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_loss_and_gradients_are_those_of_naive_rows(layout: str, directory: Path) -> None:
    calls = group(directory)
    wanted, loss = naive_gradients(plain(directory), calls, GIVEN)
    ours, our_loss = gradients_of(Learner.load(str(directory)), LAYOUTS[layout](calls))
    assert our_loss == pytest.approx(loss, rel=2e-5)
    assert apart(ours, wanted) < 2e-5


def test_scores_are_the_logprobs_of_naive_rows(directory: Path) -> None:
    model, calls = plain(directory), made_up(3, VOCABULARY)
    naive = [value for logprobs in logprobs_of(model, calls, 0.8) for value in logprobs]
    (scores,) = Learner.load(str(directory)).score(score_body([linear(scored(model, calls))]))
    assert torch.allclose(scores.logprob, torch.tensor(naive), atol=1e-5)
    assert (scores.entropy > 0).all()


def test_a_model_that_is_not_on_the_list_says_that_it_takes_linear_rows(directory: Path) -> None:
    info = Learner.load(str(directory)).info()
    assert info["capabilities"]["trees"] == ("mistral" not in str(directory))
    assert [note for note in info["notes"] if "linear rows" in note] == ([] if info["capabilities"]["trees"] else info["notes"])


def test_a_sliding_window_takes_no_trees(tmp_path: Path) -> None:
    changes = {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}
    learner = Learner.load(str(make("qwen2", tmp_path, **changes)))
    assert learner.info()["capabilities"]["trees"] is False
    calls = group(tmp_path)
    ours, _ = gradients_of(learner, [one_tree(calls)])
    assert apart(ours, naive_gradients(plain(tmp_path), calls, GIVEN)[0]) < 2e-5


# The embedded trainer's graphs, as its process runs them.


@pytest.mark.parametrize("updates", [[[0]], [[0], [1]], [[0, 1], [1, 0]]], ids=str)
def test_a_step_is_the_embedded_trainer_s(updates: Sequence[Sequence[int]]) -> None:
    learner, graphs, layout = Learner.load(str(EMBEDDED)), Graphs(EMBEDDED), open_step(EMBEDDED).layout
    calls = scored(plain(EMBEDDED), made_up(5, 640, longest=9))
    packs = [forgetting(one_tree(calls[:3]), old_logprob=torch.nan), linear(calls[3:])]
    weights = layout.flatten(learner.model.state_dict()).numpy()
    mean = square = weights * 0
    given = Objective(*(torch.tensor(value, dtype=torch.float64) for value in (5.0, 0.8, 0.2, 0.28, 3.0, 2.0, 0.1, 0.02)))
    losses, norms = [], []
    old = packs[0].targets.old_logprob
    for number, chosen in enumerate(updates):
        gradients = weights * 0
        loss = 0.0
        for index in chosen:
            targets = packs[index].targets._replace(old_logprob=old) if index == 0 else packs[index].targets
            gradients, logprobs, _, metrics = graphs.grad(weights, gradients, packs[index].nodes, targets, given)
            loss += dict(zip(METRICS, metrics, strict=True))["loss"]
            if number == 0 and index == 0:
                old = torch.from_numpy(logprobs)
        settings = Optimizer(*(torch.tensor(float(value), dtype=torch.float64) for value in (number + 1, 1e-3, 0.9, 0.99, 1e-8, 0.01, 1.0)))
        named = {"weights": weights, "gradients": gradients, "mean": mean, "square": square}
        fields = ("step", "learningRate", "beta1", "beta2", "epsilon", "weightDecay", "maxNorm")
        weights, mean, square, norm, _ = graphs.run("apply", **named, **dict(zip(fields, settings, strict=True)))
        losses.append(loss)
        norms.append(float(norm))

    answer = learner.step(step_body(packs, updates=[{"packs": chosen, "denominator": 5.0} for chosen in updates]))
    assert answer["metrics"]["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert answer["metrics"]["gradNorm"] == pytest.approx(max(norms), rel=3e-4)
    moved = layout.flatten(learner.model.state_dict()) - layout.flatten(plain(EMBEDDED).state_dict())
    wanted = torch.from_numpy(weights) - layout.flatten(plain(EMBEDDED).state_dict())
    # AdamW divides by the root of the square: where a gradient is near 0 its sign is chance
    assert float((moved - wanted).norm() / wanted.norm()) < 1e-2


def test_scores_are_the_embedded_trainer_s() -> None:
    learner, graphs, layout = Learner.load(str(EMBEDDED)), Graphs(EMBEDDED), open_step(EMBEDDED).layout
    one = one_tree(scored(plain(EMBEDDED), made_up(6, 640, longest=9)))
    weights = layout.flatten(learner.model.state_dict()).numpy()
    named = dict(zip(Nodes._fields, one.nodes, strict=True))
    logprobs, entropies = graphs.run("score", weights=weights, **named, node=one.targets.node, temperature=torch.tensor(0.7, dtype=torch.float64))
    (scores,) = learner.score(score_body([one], 0.7))
    assert torch.allclose(scores.logprob, torch.from_numpy(logprobs), atol=1e-5)
    assert torch.allclose(scores.entropy, torch.from_numpy(entropies), atol=1e-5)


# What must not matter.


@pytest.mark.parametrize("budget", [1, 20, 64, 10_000])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_micro_batches_do_not_matter(layout: str, budget: int, qwen: Path) -> None:
    learner, packs = Learner.load(str(qwen)), LAYOUTS[layout](group(qwen))
    wanted, loss = gradients_of(learner, packs)
    learner.passes.budget = budget
    ours, our_loss = gradients_of(learner, packs)
    assert apart(ours, wanted) < 1e-5
    assert our_loss == pytest.approx(loss, rel=1e-5)


def test_chunks_of_the_softmax_do_not_matter(qwen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner, packs = Learner.load(str(qwen)), [one_tree(group(qwen))]
    wanted, loss = gradients_of(learner, packs)
    seen: list[int] = []
    monkeypatch.setattr(predict, "LOGITS", 4 * VOCABULARY * 3)
    learner.model.lm_head.register_forward_hook(lambda _module, _inputs, logits: seen.append(len(logits)))
    ours, our_loss = gradients_of(learner, packs)
    assert max(seen) == 3 and len(seen) > 3
    assert apart(ours, wanted) < 1e-6
    assert our_loss == pytest.approx(loss, rel=1e-6)
    (scores,) = learner.score(score_body(packs))
    monkeypatch.undo()
    (whole,) = learner.score(score_body(packs))
    assert torch.allclose(scores.logprob, whole.logprob, atol=1e-6)


def test_gradient_checkpointing_does_not_matter(qwen: Path) -> None:
    packs = [one_tree(group(qwen))]
    kept, again = (Learner.load(str(qwen), recompute=recompute) for recompute in (False, True))
    calls: list[int] = []
    again.model.model.layers[0].mlp.register_forward_pre_hook(lambda *_: calls.append(1))
    wanted, _ = gradients_of(kept, packs)
    ours, _ = gradients_of(again, packs)
    assert len(calls) == 2, "forward, and once more on the way back"
    assert apart(ours, wanted) < 1e-6


def test_offloading_the_optimizer_does_not_matter(qwen: Path) -> None:
    packs = [one_tree(group(qwen))]
    for dtype in ("float32", "bfloat16"):
        here, away = (Learner.load(str(qwen), dtype=dtype, offload=offload) for offload in (False, True))
        for version in range(2):
            answers = [learner.step(step_body(packs, version, str(version))) for learner in (here, away)]
            assert answers[0]["metrics"]["gradNorm"] == answers[1]["metrics"]["gradNorm"]
        assert all(torch.equal(one, weights_of(away)[name]) for name, one in weights_of(here).items())


# Types and adapters.


def test_small_steps_are_not_lost_in_bfloat16(qwen: Path) -> None:
    learner, exact = Learner.load(str(qwen), dtype="bfloat16"), Learner.load(str(qwen))
    packs = [one_tree(group(qwen))]
    for version in range(30):
        for one in (learner, exact):
            one.step(step_body(packs, version, str(version), learningRate=1e-5))
    assert learner.model.dtype == torch.bfloat16
    start = {name: weight.detach().float() for name, weight in plain(qwen).named_parameters()}
    rounded = {name: weight.bfloat16().float() for name, weight in start.items()}
    moved = {name: learner.optimizer.masters[name] - rounded[name] for name in start}
    wanted = {name: weight - start[name] for name, weight in weights_of(exact).items()}
    assert apart(moved, wanted) < 0.5, "in bfloat16 alone nearly nothing would have moved"
    assert all(torch.equal(weight, learner.optimizer.masters[name].bfloat16()) for name, weight in weights_of(learner).items())


def test_gradients_in_bfloat16_add_up_in_float32(qwen: Path) -> None:
    learner = Learner.load(str(qwen), dtype="bfloat16")
    packs = [one_tree(group(qwen))]
    wanted, _ = naive_gradients(plain(qwen), group(qwen), GIVEN)
    ours, _ = gradients_of(learner, packs * 8, denominator=24.0)
    assert all(gradient.dtype == torch.float32 for gradient in ours.values())
    assert apart(ours, wanted) < 0.1


@pytest.fixture
def lora(qwen: Path) -> Learner:
    return Learner.load(str(qwen), lora=LoraSettings(rank=4, alpha=8.0))


def test_lora_trains_adapters_only_and_begins_as_the_model(lora: Learner, qwen: Path) -> None:
    packs = [one_tree(group(qwen))]
    base = Learner.load(str(qwen))
    assert torch.equal(lora.score(score_body(packs))[0].logprob, base.score(score_body(packs))[0].logprob)
    before = weights_of(lora)
    lora.step(step_body(packs, learningRate=1e-2))
    moved = {name for name, weight in weights_of(lora).items() if not torch.equal(weight, before[name])}
    assert moved and all(".lora_" in name for name in moved)
    assert not torch.equal(lora.score(score_body(packs))[0].logprob, base.score(score_body(packs))[0].logprob)


def test_lora_gradients_are_those_of_naive_rows(lora: Learner, qwen: Path) -> None:
    calls = group(qwen)
    lora.step(step_body([one_tree(calls)], learningRate=1e-2))  # an adapter begins as 0, and so do half of its gradients
    ours, loss = gradients_of(lora, [one_tree(calls)])
    lora.model.set_attn_implementation("eager")
    wanted, naive = naive_gradients(lora.adapter, calls, GIVEN)
    assert loss == pytest.approx(naive, rel=2e-5)
    assert apart(ours, wanted) < 2e-5


def test_the_reference_of_lora_is_the_adapter_switched_off(lora: Learner, qwen: Path, tmp_path: Path) -> None:
    packs = [one_tree(group(qwen))]
    (begun,) = lora.score(score_body(packs))
    lora.step(step_body(packs, learningRate=1e-2))
    (now,) = lora.score(score_body(packs))
    (reference,) = lora.score(score_body(packs, checkpoint=str(lora.directory)))
    assert torch.equal(reference.logprob, begun.logprob)
    assert torch.equal(lora.score(score_body(packs))[0].logprob, now.logprob)
    assert not lora._stored, "and no second model is in memory"
    assert lora.step(step_body(packs, 1, "b"))["version"] == 2, "and it trains on"


def test_a_copy_to_sample_from_has_the_newest_weights_and_the_adapters_within(lora: Learner, qwen: Path) -> None:
    ids = torch.arange(12)[None]
    for learner in (lora, Learner.load(str(qwen))):
        copy = learner.sampling_copy()
        learner.step(step_body([one_tree(group(qwen))], learningRate=1e-2))
        with torch.no_grad():
            stale = copy(ids).logits
            learner.refresh(copy)
            learner.model.set_attn_implementation("sdpa")
            assert torch.allclose(copy(ids).logits, learner.model(ids).logits, atol=1e-4)
            assert not torch.allclose(copy(ids).logits, stale, atol=1e-4)


def test_paths_of_one_row_hold_each_target_once() -> None:
    from tuning_fork_gpu.training.rows import rows_of

    for seed in range(5):
        calls = scored_without_model(made_up(seed, VOCABULARY))
        (row,) = rows_of([one_tree(calls)], [0])
        paths = list(row.paths())
        assert all(one.is_path for one in paths)
        assert sorted(at for one in paths for at in one.at) == list(range(len(row.at)))
        assert len(paths) <= len({tuple(call.prompt + call.sampled) for call in calls})
        assert len(row) < sum(len(path(call).id) for call in calls)


def scored_without_model(calls: Sequence[Call]) -> list[Call]:
    return [Call(call.prompt, call.sampled, call.advantage, call.weight, *([[-1.0] * len(call.sampled)] * 3)) for call in calls]


def test_settings_here_are_those_of_the_reference() -> None:
    names = {"clip_low": "clipLow", "clip_high": "clipHigh", "dual_clip": "dualClip", "truncation": "importanceCap", "kl_coefficient": "klCoef",
             "entropy_coefficient": "entropyCoef", "temperature": "temperature"}  # fmt: skip
    assert all(float(getattr(GIVEN, ours)) == pytest.approx(SETTINGS[theirs]) for ours, theirs in names.items())
