"""Checkpoints: what is kept, what goes on from them, and how a step is done once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest
import torch
from calls import made_up
from learners import linear, make, one_tree, plain, score_body, scored, step_body, weights_of
from models import VOCABULARY
from peft import PeftModel
from transformers import AutoModelForCausalLM
from tuning_fork_gpu.errors import Refusal
from tuning_fork_gpu.protocol.packs import Pack
from tuning_fork_gpu.protocol.requests import CheckpointBody
from tuning_fork_gpu.training.learner import Learner, LoraSettings
from tuning_fork_gpu.training.merge import merge

KINDS: dict[str, Callable[[str], Learner]] = {
    "full": Learner.load,
    "lora": lambda model: Learner.load(model, lora=LoraSettings(rank=4, alpha=8.0)),
    "bfloat16": lambda model: Learner.load(model, dtype="bfloat16"),
    "offloaded": lambda model: Learner.load(model, dtype="bfloat16", offload=True),
}


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("qwen2", tmp_path_factory.mktemp("qwen2"))


@pytest.fixture(scope="module")
def packs(qwen: Path) -> list[Pack]:
    calls = scored(plain(qwen), made_up(1, VOCABULARY))
    return [one_tree(calls), linear(calls[:3])]


def run(learner: Learner, packs: list[Pack], versions: range) -> list[dict[str, object]]:
    return [learner.step(step_body(packs, version, f"step {version}", learningRate=1e-2)) for version in versions]


def same(one: Learner, other: Learner) -> bool:
    pairs = zip(one.optimizer.moments(), other.optimizer.moments(), strict=True)
    moments = all(torch.equal(a, b) for (_, left), (_, right) in pairs for a, b in zip(left, right, strict=True))
    masters = all(torch.equal(master, other.optimizer.masters[name]) for name, master in one.optimizer.masters.items())
    return moments and masters and all(torch.equal(weight, weights_of(other)[name]) for name, weight in weights_of(one).items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_goes_on_from_a_checkpoint_bit_by_bit(kind: str, qwen: Path, packs: list[Pack], tmp_path: Path) -> None:
    learner = KINDS[kind](str(qwen))
    run(learner, packs, range(2))
    kept = learner.save(CheckpointBody("two", tmp_path / "two", True))
    assert kept == {"name": "two", "directory": str(tmp_path / "two"), "version": 2, "optimizer": True}
    assert learner.durable_version == 2 and learner.checkpoints() == [kept]
    wanted = run(learner, packs, range(2, 4))

    other = KINDS[kind](str(qwen))
    other.load_checkpoint("two", tmp_path / "two")
    assert (other.version, other.durable_version) == (2, 2)
    answers = run(other, packs, range(2, 4))
    for answer in (*answers, *wanted):
        answer["metrics"]["milliseconds"] = 0  # type: ignore[index]
    assert answers == wanted
    assert same(learner, other)

    learner.load_checkpoint("two", None)
    run(learner, packs, range(2, 4))
    assert same(learner, other), "and the same process goes back"


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_it_began_with_can_be_had_again(kind: str, qwen: Path, packs: list[Pack]) -> None:
    learner, fresh = KINDS[kind](str(qwen)), KINDS[kind](str(qwen))
    run(learner, packs, range(2))
    assert learner.load_checkpoint("start", None)["version"] == 0
    assert learner.version == 0 and not learner.checkpoints()
    assert same(learner, fresh)
    run(learner, packs, range(1))
    run(fresh, packs, range(1))
    assert same(learner, fresh)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_transformers_loads_a_checkpoint_and_the_debug_backbone_does(dtype: str, packs: list[Pack], tmp_path: Path) -> None:
    model = make("qwen2", tmp_path / "model", hidden_size=64)  # heads of 16, as ONNX Runtime wants them
    learner = Learner.load(str(model), dtype=dtype)
    run(learner, packs, range(1))
    learner.save(CheckpointBody("one", tmp_path / "one", False))
    ids = torch.arange(10)[None]
    with torch.no_grad():
        logits = learner.sampling_copy()(ids).logits
        assert torch.equal(AutoModelForCausalLM.from_pretrained(tmp_path / "one", attn_implementation="sdpa", dtype=dtype)(ids).logits, logits)
        logits = AutoModelForCausalLM.from_pretrained(tmp_path / "one", dtype=torch.float32)(ids).logits
    assert json.loads((tmp_path / "one/config.json").read_text()) == json.loads((model / "config.json").read_text())
    session = onnxruntime.InferenceSession(tmp_path / "one/onnx/model.onnx")
    feeds = {"input_ids": ids.numpy(), "attention_mask": torch.ones_like(ids).numpy(), "position_ids": ids.numpy(), "num_logits_to_keep": torch.tensor(0).numpy()}
    empty = torch.zeros(1, 2, 0, 16).numpy()
    feeds |= {one.name: empty for one in session.get_inputs() if one.name.startswith("past")}
    (ours,) = session.run(["logits"], feeds)
    assert torch.allclose(torch.from_numpy(ours), logits, atol=1e-4)


def test_peft_loads_an_adapter_and_it_can_be_scored_and_sampled_with(qwen: Path, packs: list[Pack], tmp_path: Path) -> None:
    learner = KINDS["lora"](str(qwen))
    run(learner, packs, range(1))
    learner.save(CheckpointBody("one", tmp_path / "one", True))
    (then, _) = learner.score(score_body(packs))
    ids = torch.arange(10)[None]
    with torch.no_grad():
        logits = learner.sampling_copy()(ids).logits
        theirs = PeftModel.from_pretrained(plain(qwen), tmp_path / "one")(ids).logits
        assert torch.allclose(theirs, logits, atol=1e-4)
        assert torch.allclose(learner.stored_model("one")(ids).logits, theirs, atol=1e-4)
    run(learner, packs, range(1, 2))
    assert torch.equal(learner.score(score_body(packs, checkpoint="one"))[0].logprob, then.logprob)
    assert not torch.equal(learner.score(score_body(packs))[0].logprob, then.logprob)
    assert not (tmp_path / "one/model.safetensors").exists(), "the adapter alone"


def test_an_adapter_of_another_form_is_scored_with_as_it_is(qwen: Path, packs: list[Pack], tmp_path: Path) -> None:
    learner = KINDS["lora"](str(qwen))
    before = weights_of(learner)
    for settings in (LoraSettings(4, 16.0), LoraSettings(4, 8.0, "q_proj"), LoraSettings(2, 8.0)):
        other = Learner.load(str(qwen), lora=settings)
        run(other, packs, range(1))
        other.save(CheckpointBody("a", tmp_path / str(settings), False))
        (wanted, _) = other.score(score_body(packs))
        (scores, _) = learner.score(score_body(packs, checkpoint=str(tmp_path / str(settings))))
        assert torch.allclose(scores.logprob, wanted.logprob, atol=1e-5)
    assert all(torch.equal(weight, before[name]) for name, weight in weights_of(learner).items())


@pytest.mark.parametrize("lora", [None, LoraSettings(4, 8.0)], ids=["full", "lora"])
def test_an_adapter_is_a_model_to_begin_with(lora: LoraSettings | None, qwen: Path, packs: list[Pack], tmp_path: Path) -> None:
    first = KINDS["lora"](str(qwen))
    run(first, packs, range(1))
    first.save(CheckpointBody("one", tmp_path / "one", True))
    ids = torch.arange(10)[None]
    learner = Learner.load(str(tmp_path / "one"), lora=lora)
    assert learner.info()["directory"] == str(tmp_path / "one") and learner.info()["training"]["method"] == ("lora" if lora else "full")
    (begun, _) = learner.score(score_body(packs))
    with torch.no_grad():
        theirs = PeftModel.from_pretrained(plain(qwen), tmp_path / "one")(ids).logits
        assert torch.allclose(learner.sampling_copy()(ids).logits, theirs, atol=1e-4)
    run(learner, packs, range(1))
    for reference in ("start", str(tmp_path / "one")):
        assert torch.allclose(learner.score(score_body(packs, checkpoint=reference))[0].logprob, begun.logprob, atol=1e-4)
    # What comes of it is a checkpoint like any other, also where that is an adapter on an adapter.
    learner.save(CheckpointBody("two", tmp_path / "two", True))
    with torch.no_grad():
        assert torch.allclose(Learner.load(str(tmp_path / "two")).sampling_copy()(ids).logits, learner.sampling_copy()(ids).logits, atol=1e-4)
    assert (tmp_path / "two/config.json").exists() == (lora is None)
    assert learner.load_checkpoint("start", None)["version"] == 0
    assert torch.allclose(learner.score(score_body(packs))[0].logprob, begun.logprob, atol=1e-4)


def test_an_adapter_and_its_model_become_one(qwen: Path, packs: list[Pack], tmp_path: Path) -> None:
    learner = KINDS["lora"](str(qwen))
    run(learner, packs, range(1))
    learner.save(CheckpointBody("one", tmp_path / "one", True))
    merge(tmp_path / "one", tmp_path / "merged")
    ids = torch.arange(10)[None]
    with torch.no_grad():
        assert torch.allclose(plain(tmp_path / "merged")(ids).logits, learner.sampling_copy()(ids).logits, atol=1e-4)
    with pytest.raises(SystemExit, match="is there already"):
        merge(tmp_path / "one", tmp_path / "merged")
    with pytest.raises(SystemExit, match="has no adapter_config.json"):
        merge(qwen, tmp_path / "other")


def test_stored_models_are_scored_with(qwen: Path, packs: list[Pack], tmp_path: Path) -> None:
    learner = Learner.load(str(qwen))
    (begun, _) = learner.score(score_body(packs))
    learner.save(CheckpointBody("zero", tmp_path / "zero", True))
    run(learner, packs, range(1))
    for checkpoint in ("zero", "start", str(tmp_path / "zero"), str(qwen)):
        assert torch.equal(learner.score(score_body(packs, checkpoint=checkpoint))[0].logprob, begun.logprob)
    with pytest.raises(Refusal, match='There is no checkpoint "two"') as caught:
        learner.score(score_body(packs, checkpoint="two"))
    assert caught.value.status == 404


# A step is done once.


def test_the_same_step_again_is_answered_again_and_done_once(qwen: Path, packs: list[Pack], tmp_path: Path) -> None:
    learner = Learner.load(str(qwen))
    (answer,) = run(learner, packs, range(1))
    after = weights_of(learner)
    beats: list[int] = []
    assert learner.step(step_body(packs, 0, "step 0", learningRate=1e-2), lambda: beats.append(1)) == answer
    assert not beats and learner.version == 1
    assert all(torch.equal(weight, after[name]) for name, weight in weights_of(learner).items())
    with pytest.raises(Refusal, match="already made with another body") as caught:
        learner.step(step_body(packs, 0, "step 0", learningRate=2e-2))
    assert caught.value.status == 409

    learner.save(CheckpointBody("one", tmp_path / "one", True))
    other = Learner.load(str(qwen))
    other.load_checkpoint("one", tmp_path / "one")
    assert other.step(step_body(packs, 0, "step 0", learningRate=1e-2)) == answer, "by whoever has its checkpoint, too"


def test_what_was_done_after_a_checkpoint_may_be_done_again(qwen: Path, packs: list[Pack], tmp_path: Path) -> None:
    learner = Learner.load(str(qwen))
    learner.save(CheckpointBody("zero", tmp_path / "zero", True))
    run(learner, packs, range(1))
    learner.load_checkpoint("zero", None)
    assert learner.step(step_body(packs, 0, "step 0", learningRate=3e-2))["version"] == 1


# What cannot be kept or loaded.


def test_a_folder_never_changes(qwen: Path, packs: list[Pack], tmp_path: Path) -> None:
    learner = Learner.load(str(qwen))
    body = CheckpointBody("a", tmp_path / "a", True)
    assert learner.save(body) == learner.save(body), "who asks again has it already"
    run(learner, packs, range(1))
    with pytest.raises(Refusal, match="holds something else already"):
        learner.save(body)
    (tmp_path / "else").mkdir()
    other = Learner.load(str(qwen))
    other.step(step_body(packs, learningRate=2e-2))
    other.save(CheckpointBody("b", tmp_path / "of the same version", False))
    for folder in ("else", "of the same version"):
        with pytest.raises(Refusal, match="holds something else already"):
            learner.save(CheckpointBody("b", tmp_path / folder, False))
    assert [one["name"] for one in learner.checkpoints()] == ["a"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("No space left for what it was copied to")], ids=str)
def test_a_checkpoint_appears_whole_or_not_at_all(error: Exception, qwen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = Learner.load(str(qwen))
    (tmp_path / ".a.writing-of a process that died").mkdir()

    def full(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr("tuning_fork_gpu.training.checkpoints.save_file", full)
        with pytest.raises(Refusal if isinstance(error, OSError) else RuntimeError, match="No space left"):
            learner.save(CheckpointBody("a", tmp_path / "a", True))
    assert not list(tmp_path.iterdir()) and not learner.checkpoints()
    learner.save(CheckpointBody("a", tmp_path / "a", True))
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda at: (at / "trainer.json").unlink(), "There is no checkpoint of a training"),
        (lambda at: (at / "trainer.json").write_text("{}"), "cannot be read"),
        (lambda at: (at / "optimizer.safetensors").write_bytes(b"torn"), "The optimizer's state in .* cannot be read"),
        (lambda at: (at / "optimizer.safetensors").unlink(), "The optimizer's state in .* cannot be read"),
    ],
    ids=["no state", "another state", "torn", "no optimizer"],
)
def test_a_spoilt_checkpoint_is_refused_and_changes_nothing(spoil: Callable[[Path], object], told: str, qwen: Path, packs: list[Pack], tmp_path: Path) -> None:
    learner = Learner.load(str(qwen))
    learner.save(CheckpointBody("a", tmp_path / "a", True))
    run(learner, packs, range(1))
    spoil(tmp_path / "a")
    before = weights_of(learner)
    with pytest.raises(Refusal, match=told):
        learner.load_checkpoint("a", None)
    assert learner.version == 1
    assert all(torch.equal(weight, before[name]) for name, weight in weights_of(learner).items())


def test_a_checkpoint_of_another_model_is_refused(qwen: Path, tmp_path: Path) -> None:
    other = Learner.load(str(make("qwen2", tmp_path / "other", hidden_size=16)))
    other.save(CheckpointBody("a", tmp_path / "a", True))
    with pytest.raises(Refusal, match="is of another model"):
        Learner.load(str(qwen)).load_checkpoint("a", tmp_path / "a")


def test_without_its_optimizer_a_checkpoint_is_no_place_to_go_on_from(qwen: Path, tmp_path: Path) -> None:
    learner = Learner.load(str(qwen))
    learner.save(CheckpointBody("a", tmp_path / "a", False))
    assert learner.durable_version == 0
    with pytest.raises(Refusal, match="kept without its optimizer"):
        learner.load_checkpoint("a", None)
    with pytest.raises(Refusal, match='There is no checkpoint "b"') as caught:
        learner.load_checkpoint("b", None)
    assert caught.value.status == 404
