"""Other forms of attention than a dense mask. On a GPU: one sequence and a mask of blocks, with FlexAttention, uncompiled here, for that needs no
compiler. Anywhere else: stretch by stretch, where a tree has few of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calls import Call, made_up
from learners import apart, gradients_of, linear, make, one_tree, plain, score_body, scored
from models import VOCABULARY
from torch.nn import functional as F
from torch.nn.attention.flex_attention import create_block_mask, create_mask, flex_attention
from tuning_fork_gpu.fused import logprobs_of_logits, token_logprobs
from tuning_fork_gpu.protocol.packs import Pack
from tuning_fork_gpu.training.batches import batch, flat
from tuning_fork_gpu.training.blocks import MULTIPLE, block_mask
from tuning_fork_gpu.training.learner import Learner
from tuning_fork_gpu.training.rows import rows_of
from tuning_fork_gpu.training.segments import are_cheaper, stretches


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("qwen2", tmp_path_factory.mktemp("qwen2"))


@pytest.fixture(scope="module")
def packs(qwen: Path) -> list[Pack]:
    calls = scored(plain(qwen), made_up(1, VOCABULARY))
    return [one_tree(calls), linear(calls, 64)]


@pytest.fixture
def blocks(qwen: Path, monkeypatch: pytest.MonkeyPatch) -> Learner:
    def uncompiled(query: Any, key: Any, value: Any, **rest: Any) -> Any:
        if not query.requires_grad:
            return flex_attention(query, key, value, **rest)
        # it has no way back on a CPU, so its mask alone is taken
        mask = create_mask(rest["block_mask"].mask_mod, 1, 1, query.shape[2], key.shape[2], device="cpu")
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=rest["scale"], enable_gqa=rest["enable_gqa"])

    monkeypatch.setattr("tuning_fork_gpu.training.blocks._compiled", lambda: uncompiled)
    learner = Learner.load(str(qwen))
    learner.passes.attention = "blocks"
    return learner


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_scores_are_those_of_dense_masks(blocks: Learner, qwen: Path, packs: list[Pack]) -> None:
    for ours, wanted in zip(blocks.score(score_body(packs)), Learner.load(str(qwen)).score(score_body(packs)), strict=True):
        assert torch.allclose(ours.logprob, wanted.logprob, atol=1e-5)
    blocks.passes.budget = 50
    for ours, wanted in zip(blocks.score(score_body(packs)), Learner.load(str(qwen)).score(score_body(packs)), strict=True):
        assert torch.allclose(ours.logprob, wanted.logprob, atol=1e-5)


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_gradients_are_those_of_dense_masks(blocks: Learner, qwen: Path, packs: list[Pack]) -> None:
    wanted, loss = gradients_of(Learner.load(str(qwen)), packs)
    ours, our_loss = gradients_of(blocks, packs)
    assert our_loss == pytest.approx(loss, rel=1e-5)
    assert apart(ours, wanted) < 1e-5


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_layers_and_scores_compile_in_one_piece_and_are_the_same(blocks: Learner, packs: list[Pack], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuning_fork_gpu.device._how", lambda: {"backend": "eager", "dynamic": True, "fullgraph": True})
    wanted = blocks.score(score_body(packs))
    blocks.passes.compiled = True
    for ours, theirs in zip(blocks.score(score_body(packs)), wanted, strict=True):
        assert torch.allclose(ours.logprob, theirs.logprob, atol=1e-5)
        assert torch.allclose(ours.entropy, theirs.entropy, atol=1e-5)


def test_what_cannot_be_compiled_is_told_and_done_without(qwen: Path, packs: list[Pack], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no compiler")

    learner = Learner.load(str(qwen))
    learner.passes.attention, learner.passes.compiled = "blocks", True
    monkeypatch.setattr("tuning_fork_gpu.device._how", lambda: {"backend": broken})
    monkeypatch.setattr("tuning_fork_gpu.training.blocks._compiled", broken)
    learner.fitting.attention()
    assert "Layers cannot be compiled here" in learner.notes[0] and "trees take dense masks: no compiler" in learner.notes[1]
    assert torch.allclose(learner.score(score_body(packs))[0].logprob, Learner.load(str(qwen)).score(score_body(packs))[0].logprob)


def test_gradients_of_logprobs_for_a_compiler_are_those_by_hand() -> None:
    torch.manual_seed(3)
    logits, ids = torch.randn(5, 11, requires_grad=True), torch.randint(11, (5,))
    results = []
    for logprob, entropy in (token_logprobs(logits / 0.7, ids), logprobs_of_logits(logits, ids, torch.tensor(0.7))):
        (gradient,) = torch.autograd.grad((logprob * 2 + entropy * 3).sum(), logits)
        results.append((logprob, entropy, gradient))
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(*results, strict=True))


def test_all_rows_are_one_sequence_of_whole_blocks(packs: list[Pack]) -> None:
    rows = rows_of(packs, [0, 1])
    made = batch(rows, "blocks", 32, torch.device("cpu"))
    assert made.id.shape == (1, MULTIPLE * -(-sum(len(row) for row in rows) // MULTIPLE))
    assert made.mask.shape[-2:] == (made.id.shape[1],) * 2


def test_the_mask_s_blocks_are_those_of_every_pair_looked_at() -> None:
    wholes = 0
    for seed in range(4):
        calls = [Call(one.prompt, one.sampled, 1.0, 1.0, *([[-1.0] * len(one.sampled)] * 3)) for one in made_up(seed, VOCABULARY, longest=300)]
        (_, _, end, _) = flat(rows_of([one_tree(calls), linear(calls[:2])], [0, 1]), 128)
        ends = torch.from_numpy(end)

        def visible(row: torch.Tensor, _: torch.Tensor, i: torch.Tensor, j: torch.Tensor, ends: torch.Tensor = ends) -> torch.Tensor:
            return (j <= i) & (i < ends[row, j])

        ours, wanted = block_mask(ends), create_block_mask(visible, 1, None, *[ends.shape[1]] * 2, device="cpu")
        wholes += int(wanted.full_kv_num_blocks.sum())
        assert torch.equal(ours.to_dense(), wanted.to_dense())
        assert torch.equal(ours.kv_num_blocks, wanted.kv_num_blocks) and torch.equal(ours.full_kv_num_blocks, wanted.full_kv_num_blocks)
        assert torch.equal(ours.q_num_blocks, wanted.q_num_blocks)
    assert wholes > 0


@pytest.mark.parametrize("recompute", [False, True])
def test_stretch_by_stretch_is_a_dense_mask(recompute: bool, qwen: Path, packs: list[Pack], monkeypatch: pytest.MonkeyPatch) -> None:
    answers = []
    for cheaper in (True, False):
        monkeypatch.setattr("tuning_fork_gpu.training.batches.are_cheaper", lambda *_, cheaper=cheaper: cheaper)
        learner = Learner.load(str(qwen), recompute=recompute)
        assert (learner.passes.batch(learner.model, rows_of(packs, [0])).segments is not None) == cheaper
        answers.append((learner.score(score_body(packs)), *gradients_of(learner, packs)))
    (scores, gradients, loss), (their_scores, wanted, their_loss) = answers
    assert all(torch.allclose(one.logprob, other.logprob, atol=1e-5) for one, other in zip(scores, their_scores, strict=True))
    assert loss == pytest.approx(their_loss, rel=1e-5)
    assert apart(gradients, wanted) < 1e-5


def test_stretches_are_taken_where_they_are_cheaper() -> None:
    def end_of(prompt: int, answers: int, answer: int) -> np.ndarray:
        length = prompt + answers * answer
        ends = [prompt + (index + 1) * answer for index in range(answers) for _ in range(answer)]
        return np.array([length] * prompt + ends)

    long, short = end_of(512, 8, 256), end_of(10, 8, 5)
    assert [stop - start for start, stop in stretches(long)] == [768] + [256] * 7, "the first answer goes on from the prompt"
    assert are_cheaper(long, 128, len(long) ** 2)
    assert not are_cheaper(short, 128, len(short) ** 2)
