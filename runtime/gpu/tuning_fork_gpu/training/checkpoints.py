"""
Checkpoints on disk: a model directory of Hugging Face, or an adapter of PEFT, usable at once; with the optimizer it can be resumed from. One
appears whole or not at all, and never changes.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from ..errors import Refusal, cannot
from ..models import file_of
from .optimizer import AdamW, Moments

STATE, OPTIMIZER = "trainer.json", "optimizer.safetensors"
COMPANIONS = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
)  # fmt: skip
"""What a model directory holds beside its weights. An adapter has none of the first."""
LARGEST_ONNX = 100_000_000
"""Parameters: the debug backbone runs on a laptop's CPU."""


@dataclass(frozen=True)
class State:
    version: int
    updates: int
    last_step: dict[str, Any] | None
    """The step these weights come from, with its body's hash and its answer: who asks for it again gets that."""


class Saved(NamedTuple):
    state: State
    masters: Mapping[str, Tensor]
    moments: Mapping[str, Moments]


def write(directory: Path, model: Any, folders: Sequence[Path], optimizer: AdamW, state: State, resumable: bool) -> None:
    """`model`: with adapters the PeftModel, whose adapters alone are kept. `folders`: `models.lineage` of what was trained."""
    if directory.exists():
        return check_same(directory, optimizer, state, resumable)
    try:
        with appearing(directory) as folder:
            whole = isinstance(model, PreTrainedModel)
            model.save_pretrained(folder, **({} if whole else {"save_embedding_layers": False}))  # "auto" asks the hub
            copy_companions(folders, folder, COMPANIONS if whole else COMPANIONS[1:])
            if whole:
                write_onnx(folder, model, folders)
            if resumable:
                save_file(tensors_of(optimizer), folder / OPTIMIZER)
            file = {"trainer": "gpu", "version": state.version, "updates": state.updates, "optimizer": resumable, "lastStep": state.last_step}
            (folder / STATE).write_text(json.dumps(file))
    except (OSError, SafetensorError) as error:
        raise cannot(f"The checkpoint cannot be written to {directory}: {error}.", "Free some space or choose another folder; the weights in memory are unharmed.") from error


@contextmanager
def appearing(directory: Path) -> Iterator[Path]:
    """A folder to write in, beside the directory it becomes once all of it is on the disk."""
    folder = directory.parent / f".{directory.name}.writing-{secrets.token_hex(4)}"
    directory.parent.mkdir(parents=True, exist_ok=True)
    for stale in directory.parent.glob(f".{directory.name}.writing-*"):
        shutil.rmtree(stale, ignore_errors=True)
    try:
        folder.mkdir()
        yield folder
        for path in (*sorted(folder.rglob("*"), reverse=True), folder):  # files before the folders that name them
            sync(path)
        folder.rename(directory)
        sync(directory.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_companions(folders: Sequence[Path], into: Path, names: Sequence[str] = COMPANIONS) -> None:
    for name in names:
        if file := file_of(folders, name):
            shutil.copyfile(file, into / name)


def write_onnx(directory: Path, model: PreTrainedModel, folders: Sequence[Path]) -> None:
    """For the debug backbone, where the architecture allows; and the train graphs, which are the same for all weights."""
    if model.num_parameters() > LARGEST_ONNX:
        return
    from ..export.sampling_graph import export

    try:
        export(directory)
    except SystemExit:  # its way to say that it does not know this shape
        return
    copy_companions(folders, directory, [f"onnx/{name}" for name in ("train-grad.onnx", "train-apply.onnx", "train-score.onnx", "train.json")])


def tensors_of(optimizer: AdamW) -> dict[str, Tensor]:
    tensors = {f"master/{name}": master for name, master in optimizer.masters.items()}
    for name, (mean, square) in optimizer.moments():
        tensors |= {f"mean/{name}": mean, f"square/{name}": square}
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def read(directory: Path, optimizer: AdamW) -> Saved:
    """For the weights this optimizer moves. Nothing is changed yet."""
    state, resumable = read_state(directory)
    if not resumable:
        raise cannot(
            f"The checkpoint in {directory} was kept without its optimizer: it can be used, but training cannot go on from it.",
            "Load one that was written with its optimizer, or start a new training from it as a model.",
        )
    try:
        tensors = load_file(directory / OPTIMIZER)
    except (OSError, SafetensorError) as error:
        raise cannot(f"The optimizer's state in {directory} cannot be read: {error}.", "Load an earlier checkpoint.") from error

    def of(kind: str, name: str) -> Tensor:
        stored = tensors.get(f"{kind}/{name}")
        if stored is None or stored.shape != optimizer.weights[name].shape:
            raise cannot(f"The checkpoint in {directory} is of another model: its {kind} of {name} does not fit.", "Load a checkpoint of the model in training.")
        return stored

    moments = {name: Moments(of("mean", name), of("square", name)) for name in optimizer.weights}
    return Saved(state, {name: of("master", name) for name in optimizer.weights}, moments)


def read_state(directory: Path) -> tuple[State, bool]:
    """And whether its optimizer is there."""
    try:
        text = (directory / STATE).read_text()
    except OSError as error:
        raise cannot(f"There is no checkpoint of a training in {directory}.", f"Give the folder of a checkpoint; it has a {STATE}.") from error
    try:
        file = json.loads(text)
        if file["trainer"] != "gpu" or not all(type(file[key]) is int for key in ("version", "updates")) or type(file["optimizer"]) is not bool:
            raise ValueError
        return State(file["version"], file["updates"], file["lastStep"]), file["optimizer"]
    except (ValueError, KeyError, TypeError) as error:
        raise cannot(f"{directory / STATE} cannot be read; another trainer or version may have written it.", "Load an earlier checkpoint.") from error


def check_same(directory: Path, optimizer: AdamW, state: State, resumable: bool) -> None:
    """Who asks again, or arrives here again after a crash, has it already."""
    try:
        same = read_state(directory)[0] == state
        if same and resumable:
            there = read(directory, optimizer).masters
            same = all(torch.equal(master.cpu(), there[name]) for name, master in optimizer.masters.items())
    except Refusal:
        same = False
    if not same:
        raise cannot(f"The folder {directory} holds something else already, and a checkpoint never changes.", "Choose a folder that is not there yet.")


def sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return  # Windows syncs no folders
    handle = os.open(path, os.O_RDONLY if path.is_dir() or os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
