"""
Checkpoints on disk: a model directory of Hugging Face, or an adapter of PEFT, usable at once; with the optimizer it can be resumed from. One
appears whole or not at all, and never changes.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from ..errors import Refusal, cannot
from .optimizer import AdamW, Moments

STATE, OPTIMIZER = "trainer.json", "optimizer.safetensors"
COMPANIONS = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
)  # fmt: skip
"""What a model directory holds beside its weights."""
LARGEST_ONNX = 100_000_000
"""Parameters: the debug backbone runs on a laptop's CPU."""


@dataclass(frozen=True)
class State:
    version: int
    updates: int
    last_step: dict[str, Any] | None
    """The step these weights come from, with its body's hash and its answer: who asks for it again gets that."""


@dataclass(frozen=True)
class Saved:
    state: State
    masters: Mapping[str, Tensor]
    moments: Mapping[str, Moments]
    random: Mapping[str, Tensor]


def write(directory: Path, model: PreTrainedModel, adapter: Any | None, base: Path, optimizer: AdamW, state: State, resumable: bool) -> None:
    """`adapter`: the PeftModel around `model`, whose weights alone are kept then."""
    if directory.exists():
        return check_same(directory, optimizer, state, resumable)
    temporary = directory.parent / f".{directory.name}.writing-{secrets.token_hex(4)}"
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        for stale in directory.parent.glob(f".{directory.name}.writing-*"):
            shutil.rmtree(stale, ignore_errors=True)
        temporary.mkdir()
        (adapter or model).save_pretrained(temporary)
        for name in COMPANIONS:
            if (base / name).is_file() and not (adapter and name == "config.json"):
                shutil.copyfile(base / name, temporary / name)
        if adapter is None:
            write_onnx(temporary, model, base)
        if resumable:
            save_file(tensors_of(optimizer), temporary / OPTIMIZER)
        file = {"trainer": "gpu", "version": state.version, "updates": state.updates, "optimizer": resumable, "lastStep": state.last_step}
        (temporary / STATE).write_text(json.dumps(file))
        sync(temporary)
        temporary.rename(directory)
        sync_file(directory.parent)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise cannot(f"The checkpoint cannot be written to {directory}: {error}.", "Free some space or choose another folder; the weights in memory are unharmed.") from error


def write_onnx(directory: Path, model: PreTrainedModel, base: Path) -> None:
    """For the debug backbone, where the architecture allows; and the train graphs, which are the same for all weights."""
    config = model.config
    if config.model_type not in ("qwen2", "llama") or model.num_parameters() > LARGEST_ONNX:
        return
    if (getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads) % 16 != 0:
        return  # ONNX Runtime's attention wants it so
    from ..export.sampling_graph import export

    try:
        export(directory)
    except SystemExit:  # its way to say that it does not know this shape
        return
    for graph in (*base.glob("onnx/train-*.onnx"), *base.glob("onnx/train.json")):
        shutil.copyfile(graph, directory / "onnx" / graph.name)


def tensors_of(optimizer: AdamW) -> dict[str, Tensor]:
    tensors = {f"master/{name}": master for name, master in optimizer.masters.items()}
    for name, (mean, square) in optimizer.moments():
        tensors |= {f"mean/{name}": mean, f"square/{name}": square}
    tensors |= {f"random/{name}": numbers for name, numbers in random_state().items()}
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def random_state() -> dict[str, Tensor]:
    return {"cpu": torch.get_rng_state()} | ({"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {})


def restore_random(random: Mapping[str, Tensor]) -> None:
    if "cpu" in random:
        torch.set_rng_state(random["cpu"])
    if "cuda" in random and torch.cuda.is_available():
        torch.cuda.set_rng_state(random["cuda"])


def read(directory: Path, optimizer: AdamW) -> Saved:
    """For the weights this optimizer moves. Nothing is changed yet."""
    file = read_state(directory)
    if not file["optimizer"]:
        raise cannot(
            f"The checkpoint in {directory} was kept without its optimizer: it can be used, but training cannot go on from it.",
            "Load one that was written with its optimizer, or start a new training from it as a model.",
        )
    try:
        tensors = load_file(directory / OPTIMIZER)
    except (OSError, SafetensorError) as error:
        raise cannot(f"The optimizer's state in {directory} cannot be read: {error}.", "Load an earlier checkpoint.") from error

    def of(kind: str, name: str, weight: Tensor) -> Tensor:
        stored = tensors.get(f"{kind}/{name}")
        if stored is None or stored.shape != weight.shape:
            raise cannot(f"The checkpoint in {directory} is of another model: its {kind} of {name} does not fit.", "Load a checkpoint of the model in training.")
        return stored

    weights = optimizer.weights
    return Saved(
        State(file["version"], file["updates"], file.get("lastStep")),
        {name: of("master", name, weight) for name, weight in weights.items()},
        {name: Moments(of("mean", name, weight), of("square", name, weight)) for name, weight in weights.items()},
        {name.removeprefix("random/"): tensor for name, tensor in tensors.items() if name.startswith("random/")},
    )


def read_state(directory: Path) -> dict[str, Any]:
    try:
        text = (directory / STATE).read_text()
    except OSError as error:
        raise cannot(f"There is no checkpoint of a training in {directory}.", f"Give the folder of a checkpoint; it has a {STATE}.") from error
    try:
        file = json.loads(text)
        if file["trainer"] != "gpu" or not all(type(file[key]) is int for key in ("version", "updates")) or type(file["optimizer"]) is not bool:
            raise ValueError
    except (ValueError, KeyError, TypeError) as error:
        raise cannot(f"{directory / STATE} cannot be read; another trainer or version may have written it.", "Load an earlier checkpoint.") from error
    return dict(file)


def check_same(directory: Path, optimizer: AdamW, state: State, resumable: bool) -> None:
    """Who asks again, or arrives here again after a crash, has it already."""
    try:
        there = read(directory, optimizer) if resumable else None
        same = read_state(directory)["version"] == state.version
    except Refusal:
        there, same = None, False
    if same and there is not None:
        same = all(torch.equal(master.cpu(), there.masters[name]) for name, master in optimizer.masters.items())
    if not same or (resumable and there is None):
        raise cannot(f"The folder {directory} holds something else already, and a checkpoint never changes.", "Choose a folder that is not there yet.")


def sync(directory: Path) -> None:
    """Files first, then the folders that name them."""
    for entry in directory.iterdir():
        if entry.is_dir():
            sync(entry)
        else:
            sync_file(entry)
    sync_file(directory)


def sync_file(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows syncs no folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() or os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
