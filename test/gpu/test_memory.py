"""When memory runs out. There is no GPU here: a hook stands in for one, and raises what CUDA would, once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from calls import made_up
from learners import linear, make, one_tree, plain, score_body, scored, step_body, weights_of
from models import VOCABULARY
from tuning_fork_gpu.device import ALONE
from tuning_fork_gpu.errors import Refusal
from tuning_fork_gpu.protocol.packs import Pack
from tuning_fork_gpu.training import memory
from tuning_fork_gpu.training.learner import Learner


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("qwen2", tmp_path_factory.mktemp("qwen2"))


@pytest.fixture(scope="module")
def packs(qwen: Path) -> list[Pack]:
    return [one_tree(scored(plain(qwen), made_up(seed, VOCABULARY))) for seed in range(3)]


class Memory:
    """Of so many tokens. `late`: it runs out on the way back, when half of the gradients are there."""

    def __init__(self, learner: Learner, tokens: float, late: bool = False) -> None:
        self.tokens, self.late, self.ran_out, self.largest = tokens, late, 0, 0
        learner.model.model.layers[1].register_forward_pre_hook(self.forward)
        learner.model.model.layers[0].register_full_backward_hook(self.backward)

    def forward(self, _: object, inputs: Sequence[torch.Tensor]) -> None:
        self.now = inputs[0].shape[0] * inputs[0].shape[1]
        if not self.late:
            self.check()

    def backward(self, *_: object) -> None:
        if self.late:
            self.check()

    def check(self) -> None:
        if self.now > self.tokens:
            self.ran_out += 1
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        self.largest = max(self.largest, self.now)


@pytest.mark.parametrize("late", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("tokens", [60, 25])
def test_simulated_out_of_memory_splits_the_batch_finishes_the_step_and_tells(tokens: int, late: bool, qwen: Path, packs: list[Pack]) -> None:
    learner, roomy = Learner.load(str(qwen)), Learner.load(str(qwen))
    limit = Memory(learner, tokens, late)
    body = step_body(packs, updates=[{"packs": [0, 1], "denominator": 3.0}, {"packs": [2, 0], "denominator": 3.0}])
    answer, wanted = learner.step(body), roomy.step(body)
    assert limit.ran_out >= 1 and limit.largest <= tokens
    assert answer["notes"] and all("Memory ran out at" in note for note in answer["notes"])
    assert "notes" not in wanted
    for name in ("loss", "gradNorm", "entropy", "kl", "targets", "nodes", "samplerGap"):
        assert answer["metrics"][name] == pytest.approx(wanted["metrics"][name], rel=1e-4)
    start = dict(plain(qwen).named_parameters())
    moved, theirs = (torch.cat([(weight - start[name]).detach().view(-1) for name, weight in weights_of(one).items()]) for one in (learner, roomy))
    assert (moved - theirs).norm() < 2e-2 * theirs.norm()
    before = limit.ran_out
    assert "notes" not in learner.step(step_body(packs, 1, "b")), "and the next step knows"
    assert limit.ran_out == before


def test_simulated_out_of_memory_while_scoring_splits_the_batch(qwen: Path, packs: list[Pack]) -> None:
    learner = Learner.load(str(qwen))
    wanted = learner.score(score_body(packs))
    limit = Memory(learner, 40)
    for ours, theirs in zip(learner.score(score_body(packs)), wanted, strict=True):
        assert torch.allclose(ours.logprob, theirs.logprob, atol=1e-5)
        assert torch.allclose(ours.entropy, theirs.entropy, atol=1e-5)
    assert limit.ran_out >= 1


def test_while_a_batch_runs_no_step_of_sampling_is_recorded(qwen: Path, packs: list[Pack]) -> None:
    learner = Learner.load(str(qwen))

    def is_free() -> bool:
        with ThreadPoolExecutor(1) as other:
            return other.submit(lambda: ALONE.acquire(blocking=False) and (ALONE.release() or True)).result()

    free: list[bool] = []
    learner.model.model.layers[0].register_forward_pre_hook(lambda *_: free.append(is_free()))
    learner.score(score_body(packs))
    learner.step(step_body(packs))
    assert free and not any(free)
    assert is_free()


def test_simulated_out_of_memory_that_no_splitting_helps_refuses_and_changes_nothing(qwen: Path, packs: list[Pack]) -> None:
    learner = Learner.load(str(qwen))
    before = weights_of(learner)
    Memory(learner, 3)
    with pytest.raises(Refusal, match="does not fit into the memory of this device") as caught:
        learner.step(step_body(packs))
    assert caught.value.status == 422 and learner.version == 0
    assert all(torch.equal(weight, before[name]) for name, weight in weights_of(learner).items())
    assert all(not gradient.any() for gradient in learner.optimizer.gradients().values())


def test_a_step_that_breaks_between_its_updates_leaves_weights_of_no_version(qwen: Path, packs: list[Pack]) -> None:
    learner = Learner.load(str(qwen))
    short = linear(scored(plain(qwen), made_up(1, VOCABULARY)[:1]))
    limit = Memory(learner, torch.inf)
    updates = [{"packs": [0], "denominator": 3.0}, {"packs": [1], "denominator": 3.0}]

    def tighten() -> None:
        limit.tokens = 3 if learner.optimizer.updates else torch.inf

    with pytest.raises(Refusal, match="does not fit"):
        original = learner.optimizer.update
        learner.optimizer.update = lambda settings: (original(settings), tighten())[0]  # type: ignore[method-assign]
        learner.step(step_body([short, packs[0]], updates=updates))
    limit.tokens = torch.inf
    for again in (lambda: learner.step(step_body(packs, 0, "b")), lambda: learner.score(score_body(packs))):
        with pytest.raises(Refusal, match="broke after 1 of its 2 updates. The weights are of no version"):
            again()
    learner.load_checkpoint("start", None)
    assert learner.step(step_body(packs, 0, "b"))["version"] == 1


def test_simulated_out_of_memory_in_the_optimizer_refuses_and_changes_nothing(qwen: Path, packs: list[Pack], monkeypatch: pytest.MonkeyPatch) -> None:
    learner = Learner.load(str(qwen))
    before = weights_of(learner)

    def full() -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    with monkeypatch.context() as patched:
        patched.setattr(learner.optimizer._adam, "step", full)
        with pytest.raises(Refusal, match="The optimizer does not fit") as caught:
            learner.step(step_body(packs))
    assert caught.value.next and learner.version == 0
    assert all(torch.equal(weight, before[name]) for name, weight in weights_of(learner).items())
    assert learner.step(step_body(packs))["version"] == 1


def test_simulated_out_of_memory_for_a_second_model_gives_up_others_first(qwen: Path, packs: list[Pack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tuning_fork_gpu import models

    learner, load = Learner.load(str(qwen)), models.load
    one, two = (make("qwen2", tmp_path / name) for name in ("one", "two"))
    learner.score(score_body(packs, checkpoint=str(one)))

    def tight(*given: object) -> object:
        if learner._stored:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return load(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(models, "load", tight)
    learner.score(score_body(packs, checkpoint=str(two)))
    assert list(learner._stored) == [two]
    monkeypatch.setattr(models, "load", lambda *_: tight() if learner._stored else (_ for _ in ()).throw(torch.cuda.OutOfMemoryError("CUDA out of memory.")))
    with pytest.raises(Refusal, match="does not fit into memory beside the one in training"):
        learner.score(score_body(packs, checkpoint=str(one)))


def test_the_size_of_batches_is_found_by_two_dry_runs() -> None:
    def takes(fixed: int, each: int) -> list[int]:
        seen: list[int] = []
        most = 10_000_000

        def measure(tokens: int) -> int | None:
            seen.append(tokens)
            return fixed + each * tokens if fixed + each * tokens <= most else None

        budget = memory.fit(measure, most)
        return [budget, *seen]

    assert takes(500_000, 500)[0] == int((8_500_000 - 500_000) / 500)
    assert takes(0, 1)[0] == memory.MOST
    assert takes(0, 9_000) == [memory.SMALL, memory.SMALL, memory.LARGE], "the large one did not fit"
    assert takes(0, 20_000) == [memory.SMALL // 4, memory.SMALL], "nor did the small one"


@pytest.mark.parametrize("roomy", [True, False])
def test_a_simulated_gpu_is_tried_once_and_layers_compute_twice_only_where_memory_asks(roomy: bool, qwen: Path, packs: list[Pack], monkeypatch: pytest.MonkeyPatch) -> None:
    learner = Learner.load(str(qwen))
    learner.fitting.done = False
    tried: list[bool] = []

    def measured(_: torch.device, run: Callable[[], None]) -> int:
        gradients = []
        learner.model.get_output_embeddings().register_forward_hook(lambda *_: gradients.append(1))
        run()
        assert gradients
        tried.append(learner.model.is_activation_checkpointing)
        tokens = memory.SMALL if len(tried) % 2 else memory.LARGE
        return tokens * (100 if learner.model.is_activation_checkpointing else 1000)

    monkeypatch.setattr(memory, "measured", measured)
    monkeypatch.setattr(memory, "free_bytes", lambda _: 40_000_000 if roomy else 5_000_000)
    learner.step(step_body(packs))
    learner.step(step_body(packs, 1, "b"))
    assert tried == [False, False] if roomy else [False, False, True, True]
    fits = ((40_000_000 if roomy else 5_000_000) - learner_bytes(learner)) * 0.85 / (1000 if roomy else 100)
    assert learner.passes.budget == int(fits)
    fresh = Learner.load(str(qwen))
    fresh.step(step_body(packs))
    fresh.step(step_body(packs, 1, "b"))
    ours, wanted = (torch.cat([weight.view(-1) for weight in weights_of(one).values()]) for one in (learner, fresh))
    assert torch.allclose(ours, wanted, atol=1e-3), "dry runs leave nothing behind"


def learner_bytes(learner: Learner) -> int:
    """Of gradients and moments, which come with the first step."""
    return 12 * sum(weight.numel() for weight in learner.model.parameters())
