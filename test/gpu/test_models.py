"""Models: found where they are named, refused with a sentence where they are of no use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from calls import made_up
from learners import make, one_tree, plain, scored, step_body
from models import SMALL, VOCABULARY
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM
from tuning_fork_gpu import models
from tuning_fork_gpu.errors import Refusal
from tuning_fork_gpu.protocol.requests import CheckpointBody
from tuning_fork_gpu.training.learner import Learner, LoraSettings


@pytest.fixture
def qwen(tmp_path: Path) -> Path:
    return make("qwen2", tmp_path / "qwen")


def refusal(model: str | Path, lora: LoraSettings | None = None) -> str:
    with pytest.raises(Refusal) as caught:
        Learner.load(str(model), lora=lora)
    assert caught.value.next
    return caught.value.message


def test_a_directory_that_is_no_model_is_refused(tmp_path: Path, qwen: Path) -> None:
    assert "has no config.json" in refusal(tmp_path)
    assert "There is no directory" in refusal(tmp_path / "nothing")
    assert "There is no directory" in refusal("./nothing")
    (qwen / "model.safetensors").write_bytes(b"torn")
    assert "cannot be loaded" in refusal(qwen)
    (qwen / "model.safetensors").unlink()
    assert "cannot be loaded" in refusal(qwen)
    (qwen / "config.json").write_text("{}")
    assert "cannot be loaded" in refusal(qwen)


def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    (tmp_path / "config.json").write_text('{"model_type": "theirs", "auto_map": {"AutoConfig": "theirs.Config", "AutoModelForCausalLM": "theirs.Model"}}')
    (tmp_path / "theirs.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    assert "cannot be loaded" in refusal(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_an_adapter_that_cannot_be_used_is_refused(tmp_path: Path, qwen: Path) -> None:
    config = tmp_path / "adapter_config.json"
    for text, told in [
        ("torn", "cannot be used"), ("{}", "cannot be used"), ('{"base_model_name_or_path": null}', "does not say which model"), ('{"base_model_name_or_path": "/no"}', "no directory /no"),
        (json.dumps({"base_model_name_or_path": str(qwen)}), "cannot be used"),
        (json.dumps({"base_model_name_or_path": str(qwen), "peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]}), "cannot be used"),
    ]:  # fmt: skip
        config.write_text(text)
        assert told in refusal(tmp_path)


def test_a_hub_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def unreachable(model: str, **_: object) -> str:
        asked.append(model)
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example")
    assert refusal("Qwen/Qwen3-0.6B") == "The model Qwen/Qwen3-0.6B cannot be had from https://mirror.example: Name or service not known."
    assert asked == ["Qwen/Qwen3-0.6B"]


def test_a_hub_s_model_is_loaded_from_its_copy_here(monkeypatch: pytest.MonkeyPatch, qwen: Path) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda model, **_: str(qwen))
    learner = Learner.load("Qwen/Qwen3-0.6B")
    assert learner.info()["model"] == "Qwen/Qwen3-0.6B" and learner.directory == qwen
    adapted = Learner.load("Qwen/Qwen3-0.6B", lora=LoraSettings(4, 8.0))
    adapted.save(CheckpointBody("a", qwen.parent / "adapter", False))
    assert json.loads((qwen.parent / "adapter/adapter_config.json").read_text())["base_model_name_or_path"] == "Qwen/Qwen3-0.6B"
    assert Learner.load(str(qwen.parent / "adapter")).folders == [qwen.parent / "adapter", qwen], "usable where the hub is"


def test_modelscope_is_asked_for_where_it_is_missing() -> None:
    assert "modelscope is not installed" in refusal("modelscope:Qwen/Qwen3-0.6B")


def test_weights_that_are_no_numbers_are_refused(qwen: Path) -> None:
    weights = load_file(qwen / "model.safetensors")
    weights["model.norm.weight"][3] = torch.nan
    save_file(weights, qwen / "model.safetensors", {"format": "pt"})
    assert "model.norm.weight holds numbers that are not finite" in refusal(qwen)


def test_logits_that_are_more_than_the_head_s_are_refused(tmp_path: Path) -> None:
    config = AutoConfig.for_model("granite", **{**SMALL, "logits_scaling": 8.0})
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    assert "changes its logits after its head" in refusal(tmp_path)


def test_an_adapter_for_layers_that_are_not_there_is_refused(qwen: Path) -> None:
    assert "cannot have the adapters" in refusal(qwen, LoraSettings(4, 8.0, "query_proj"))
    for tied in ("lm_head", "q_proj,embed_tokens"):
        assert "head is its embedding" in refusal(qwen, LoraSettings(4, 8.0, tied))
    named = Learner.load(str(qwen), lora=LoraSettings(4, 8.0, "q_proj,v_proj"))
    assert named.info()["training"] == {"method": "lora", "parameters": sum(weight.numel() for weight in named.optimizer.weights.values())}
    assert all("q_proj" in name or "v_proj" in name for name in named.optimizer.weights)


@pytest.mark.parametrize("kind", ["gpt2", "opt", "falcon"])
def test_no_model_drops_anything(kind: str, tmp_path: Path) -> None:
    small = {"hidden_size": 32, "n_embd": 32, "word_embed_proj_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": VOCABULARY}
    drops = {"dropout": 0.5, "attention_dropout": 0.5, "hidden_dropout": 0.5, "layerdrop": 0.5, "resid_pdrop": 0.5, "embd_pdrop": 0.5, "attn_pdrop": 0.5}
    AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **small, **drops)).save_pretrained(tmp_path)
    model = models.load(tmp_path, torch.device("cpu"), torch.float32)
    ids = torch.arange(10)[None]
    assert torch.equal(model.train()(ids).logits, model.eval()(ids).logits)


def test_dropout_of_a_configuration_is_off(qwen: Path) -> None:
    config = json.loads((qwen / "config.json").read_text())
    (qwen / "config.json").write_text(json.dumps({**config, "attention_dropout": 0.5}))
    learner = Learner.load(str(qwen))
    calls = scored(plain(qwen), made_up(1, VOCABULARY), spread=0.0)
    assert learner.step(step_body([one_tree(calls)]))["metrics"]["samplerGap"] == 0
    assert learner.step(step_body([one_tree(calls)], 1, "b"))["metrics"]["ratioMax"] < 2


@pytest.mark.parametrize(
    ("changes", "takes"),
    [
        ({}, True),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "original_max_position_embeddings": 32}}, True),
        ({"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1000.0, "factor": 4.0}}, False),
        ({"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 0}, False),
    ],
    ids=str,
)  # fmt: skip
def test_trees_need_positions_that_stand_for_themselves_and_full_attention(changes: dict[str, object], takes: bool) -> None:
    from learners import KINDS_OF_MODELS

    config = AutoConfig.for_model("qwen2", **{**SMALL, **KINDS_OF_MODELS["qwen2"], **changes})
    assert (models.why_no_trees(config) is None) == takes


def test_info_is_what_the_wire_says(qwen: Path) -> None:
    info = Learner.load(str(qwen)).info()
    assert info["directory"] == str(qwen) and info["model"] == "qwen"
    assert (info["device"], info["dtype"], info["context"], info["version"]) == ("cpu", "float32", 128, 0)
    assert info["parameters"] == sum(weight.numel() for weight in plain(qwen).parameters())
    assert info["shape"] == {"layers": 2, "width": 32, "causalKernel": False, "treeKernel": True}
    assert info["memory"] > 10_000_000
    json.dumps(info, allow_nan=False)
