"""What owns the weights: scores, steps, keeps and loads them. One thread calls it, one call after the other."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from .. import models
from ..errors import Refusal, bad_request, cannot, conflict
from ..models import LoraSettings
from ..protocol.packs import Limits, Pack, PackBody, Scores
from ..protocol.requests import PROTOCOL, START_CHECKPOINT, CheckpointBody, ScoreRequest, StepRequest
from . import checkpoints, memory
from .checkpoints import Saved, State
from .fitting import Fitting, asks_for_offload
from .metrics import Totals
from .optimizer import AdamW
from .passes import Columns, Passes, objective_of
from .rows import rows_of

KEPT_STEPS = 1000
"""Answers to steps are small, and who asks again does so soon."""
KEPT_MODELS = 2
"""Stored models in memory: a reference is asked for at every step."""


class Learner:
    def __init__(self, name: str, directory: Path, model: PreTrainedModel, adapter: Any | None, offload: bool, recompute: bool | None) -> None:
        self.name = name
        self.directory = directory
        """Of the weights it began with."""
        self.folders = models.lineage(directory)
        """Where config.json, the tokenizer and a chat template are."""
        tokenizer = models.file_of(self.folders, "tokenizer.json")
        self.tokenizer_sha256 = hashlib.sha256(tokenizer.read_bytes()).hexdigest() if tokenizer else ""
        self.model = model
        """In training. With LoRA its layers have the adapters inside."""
        self.adapter = adapter
        """The PeftModel around it, with LoRA."""
        self.device = model.device
        self.dtype = model.dtype
        self.version = 0
        self.durable_version = 0
        why = models.why_no_trees(model.config)
        self.notes = [f"This model is trained on linear rows, without shared prefixes: {why}."] if why else []
        self.passes = Passes("causal" if why else "blocks" if self.device.type == "cuda" else "dense", self.device, memory.ON_CPU, self.notes.append)
        self.optimizer = AdamW(models.trainable(adapter or model), offload)
        self._begun = {name: weight.detach().cpu().clone() for name, weight in self.optimizer.weights.items()} if adapter is not None else None
        self.fitting = Fitting(model, self.passes, self.optimizer, recompute)
        self._done: dict[str, dict[str, Any]] = {}
        """Steps by their id, the newest last: `State.last_step`."""
        self._checkpoints: dict[str, dict[str, Any]] = {}
        self._stored: dict[Path, PreTrainedModel] = {}
        self._torn: str | None = None

    @classmethod
    def load(
        cls, model: str, *, device: str = "auto", dtype: str = "auto", lora: LoraSettings | None = None,
        offload: bool | None = None, recompute: bool | None = None, tell: models.Tell = lambda _: None,
    ) -> Learner:  # fmt: skip
        """
        `model`: a directory, the id of one on the Hugging Face hub (HF_ENDPOINT: a mirror), or `modelscope:<id>`. `offload`: the optimizer's
        numbers lie in the memory of the CPU; `recompute`: gradient checkpointing; None: where memory asks for it.
        """
        directory = models.locate(model, tell)
        tell(f"Loading {model}")
        on = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        if dtype == "auto":
            dtype = "bfloat16" if on.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
        loaded = models.load(directory, on, getattr(torch, dtype))
        models.check_head(loaded)
        if not Path(model).expanduser().is_dir() and not model.startswith(models.MODELSCOPE):
            loaded.name_or_path = model  # adapters name it; a folder of this machine would tell others nothing
        adapter = models.with_lora(loaded, lora) if lora else None
        if offload is None:
            offload = asks_for_offload(adapter or loaded, on)
        learner = cls(model if not Path(model).is_dir() else directory.name, directory, loaded, adapter, offload, recompute)
        if learner.passes.compiled:
            tell("Compiling for this GPU, which takes a minute the first time")
        learner.fitting.attention()
        return learner

    def info(self) -> dict[str, Any]:
        """`TrainerInfo` of the wire."""
        config = self.model.config.get_text_config()
        return {
            "protocol": PROTOCOL, "model": self.name, "directory": str(self.directory), "version": self.version, "durableVersion": self.durable_version,
            "device": device_name(self.device), "dtype": str(self.dtype).removeprefix("torch."), "context": self.limits.context,
            "parameters": self.model.num_parameters(), "tokenizerSha256": self.tokenizer_sha256,
            "capabilities": {"trees": self.passes.attention != "causal", "score": True, "sample": True, "checkpoints": True},
            "shape": {
                "layers": config.num_hidden_layers, "width": config.hidden_size,
                "causalKernel": self.passes.attention != "dense", "treeKernel": self.passes.attention != "causal",
            },
            "memory": memory.resident(self.device), "notes": self.notes,
            "training": {"method": "lora" if self.adapter else "full", "parameters": sum(weight.numel() for weight in self.optimizer.weights.values())},
        }  # fmt: skip

    @property
    def limits(self) -> Limits:
        config = self.model.config.get_text_config()
        return Limits(config.vocab_size, getattr(config, "max_position_embeddings", None) or 2**20)

    def score(self, body: PackBody) -> list[Scores]:
        request = ScoreRequest.parse(body.request)
        packs = body.packs(self.limits)
        folder = None if request.checkpoint is None else self.folder_of(request.checkpoint)
        self._check_whole()
        with self._weights_of(folder) as model:
            return self.passes.score(model, packs, request.temperature)

    def step(self, body: PackBody, accepted: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """`StepAnswer` of the wire; the same body again gets the same answer. What is refused is refused before it is `accepted`."""
        request = StepRequest.parse(body.request)
        if done := self._done.get(request.step_id):
            if done["body"] == body.sha256:
                return dict(done["answer"])
            raise conflict(
                f'The step "{request.step_id}" was already made with another body.', "Give each step an id of its own, and send the same bytes when you send it again."
            )
        self._check_whole()
        if request.version != self.version:
            raise conflict(
                f"The step was made for weights of version {request.version}, and they are at version {self.version}.", "Load the checkpoint the step belongs to, or sample again."
            )
        packs = body.packs(self.limits)
        check_step(request, packs)
        accepted()
        told = len(self.notes)
        metrics = self._updates(request, packs)
        self.version += 1
        answer: dict[str, Any] = {"stepId": request.step_id, "version": self.version, "metrics": metrics}
        if notes := self.notes[told:]:
            answer["notes"] = notes
        self._remember({"stepId": request.step_id, "body": body.sha256, "answer": answer})
        return answer

    def save(self, body: CheckpointBody) -> dict[str, Any]:
        """A name may move on to a newer checkpoint; a folder never changes."""
        self._check_whole()
        state = State(self.version, self.optimizer.updates, next(reversed(self._done.values()), None))
        checkpoints.write(body.directory, self.adapter or self.model, self.folders, self.optimizer, state, body.optimizer)
        return self._keep(body.name, body.directory, self.version, body.optimizer)

    def checkpoints(self) -> list[dict[str, Any]]:
        return list(self._checkpoints.values())

    def load_checkpoint(self, name: str, directory: Path | None) -> dict[str, Any]:
        """What was done after it is undone, and may be done again."""
        if name == START_CHECKPOINT:
            first = self._begun or dict(models.load(self.directory, torch.device("cpu"), self.dtype).named_parameters())
            self._restore(Saved(State(0, 0, None), first, {}))
            return {"name": name, "directory": str(self.directory), "version": 0, "optimizer": True}
        folder = directory or self.known(name)
        self._restore(checkpoints.read(folder, self.optimizer))
        return self._keep(name, folder, self.version, True)

    def _restore(self, saved: Saved) -> None:
        self.optimizer.restore(saved.masters, saved.moments, saved.state.updates)
        self.version = saved.state.version
        self._torn = None
        self._done.clear()
        if last := saved.state.last_step:
            self._remember(last)

    def sampling_copy(self) -> PreTrainedModel:
        """A model with memory of its own, to sample from while steps are made; `refresh` gives it the newest weights."""
        copy = models.load(self.directory, self.device, self.dtype)
        self.refresh(copy)
        return copy

    @torch.no_grad()
    def refresh(self, copy: PreTrainedModel) -> None:
        theirs = dict(copy.named_parameters())
        for name, weight in models.merged(self.model):
            theirs[name].copy_(weight)

    def stored_model(self, checkpoint: str) -> PreTrainedModel:
        """A checkpoint by its name, or any model by its folder, with memory of its own."""
        return self._open(self.folder_of(checkpoint))

    def _updates(self, request: StepRequest, packs: Sequence[Pack]) -> dict[str, float | None]:
        began = time.perf_counter()
        self.fitting.batches()
        columns = Columns([pack.targets for pack in packs], self.device)
        self._score_old(request, packs, columns)
        totals = Totals()
        try:
            for index, update in enumerate(request.updates):
                given = objective_of(request.settings, update.denominator, self.device)
                part, logprobs = self.passes.gradients(self.model, rows_of(packs, update.packs), columns, given, self.optimizer.clear)
                if index == 0:  # made with the weights the step begins with, so this is what they say
                    for at, values in logprobs:
                        columns.fill_old(at, values)
                norm, done = self.optimizer.update(request.settings)
                totals.update(part, norm, done, sum(packs[number].nodes.id.numel() for number in update.packs if len(packs[number].targets.node) > 0))
        except BaseException as error:
            self.optimizer.clear()
            if totals.applied > 0:
                self._torn = f'The step "{request.step_id}" broke after {totals.applied} of its {len(request.updates)} updates.'
            if models.is_out_of_memory(error):
                raise cannot("The optimizer does not fit into the memory of this device.", "Start the runtime with its numbers offloaded to the CPU, or with LoRA.") from error
            raise
        return totals.metrics(time.perf_counter() - began)

    def _score_old(self, request: StepRequest, packs: Sequence[Pack], columns: Columns) -> None:
        """Absent ones of later updates, before the weights move; the first update's are found on the way."""
        early = set(request.updates[0].packs)
        later = {number for update in request.updates for number in update.packs} - early
        lacking = [number for number in sorted(later) if columns.lacks_old(number)]
        at, logprobs, _ = self.passes.score_rows(self.model, rows_of(packs, lacking), request.settings.temperature)
        columns.fill_old(at, logprobs)

    @contextmanager
    def _weights_of(self, folder: Path | None) -> Iterator[PreTrainedModel]:
        if folder is None:
            yield self.model
        elif self.adapter is not None and folder == self.directory:
            with self.adapter.disable_adapter():
                yield self.model
        elif self.adapter is not None and models.is_alike(folder, self.adapter):
            with models.adapter_of(folder, self.adapter):
                yield self.model
        else:
            model = self._stored.pop(folder, None) or self._open(folder)
            self._stored[folder] = model
            if len(self._stored) > KEPT_MODELS:
                del self._stored[next(iter(self._stored))]
            yield model

    def _open(self, folder: Path) -> PreTrainedModel:
        for _ in range(2):
            try:
                return models.load(models.locate(str(folder)), self.device, self.dtype)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not models.is_out_of_memory(error):
                    raise
            self._stored.clear()
            memory.release(self.device)
        raise cannot(f"The model in {folder} does not fit into memory beside the one in training.", "Train with LoRA: its reference is the model with the adapter switched off.")

    def folder_of(self, checkpoint: str) -> Path:
        if checkpoint == START_CHECKPOINT:
            return self.directory
        return Path(checkpoint) if Path(checkpoint).is_absolute() else self.known(checkpoint)

    def known(self, name: str) -> Path:
        if (kept := self._checkpoints.get(name)) is None:
            raise Refusal(404, "trainer", f'There is no checkpoint "{name[:200]}".', "Give the name of one this process wrote or loaded, or the absolute path of a model directory.")
        return Path(kept["directory"])

    def _remember(self, step: dict[str, Any]) -> None:
        self._done[step["stepId"]] = step
        if len(self._done) > KEPT_STEPS:
            del self._done[next(iter(self._done))]

    def _keep(self, name: str, directory: Path, version: int, optimizer: bool) -> dict[str, Any]:
        kept = {"name": name, "directory": str(directory), "version": version, "optimizer": optimizer}
        self._checkpoints[name] = kept
        if optimizer:
            self.durable_version = max(self.durable_version, version)
        return kept

    def _check_whole(self) -> None:
        if self._torn:
            raise Refusal(422, "trainer", f"{self._torn} The weights are of no version.", "Load a checkpoint.")


def check_step(request: StepRequest, packs: Sequence[Pack]) -> None:
    """What can't be computed, told before anything is."""
    for index, update in enumerate(request.updates):
        missing = next((number for number in update.packs if number >= len(packs)), None)
        if missing is not None:
            raise bad_request(f"updates[{index}] names pack {missing}, and there are {len(packs)}, counted from 0.")
        if not any(len(packs[number].targets.node) > 0 for number in update.packs):
            raise bad_request(f"updates[{index}] has no targets, so it would only move the optimizer.", "Leave it out.")
    for index, pack in enumerate(packs):
        if (t := first_nan(pack.targets.sampled_logprob)) is not None:
            raise bad_request(f"Target {t} of pack {index} has no sampled logprob.", "Only what a policy sampled, with its logprob, can be trained.")
        if request.settings.kl_coef > 0 and (t := first_nan(pack.targets.ref_logprob)) is not None:
            raise bad_request(
                f"Target {t} of pack {index} has no reference logprob, and klCoef is {request.settings.kl_coef}.", "Score the packs with the reference first, or set klCoef to 0."
            )


def first_nan(values: Tensor) -> int | None:
    absent = values.isnan()
    return int(absent.int().argmax()) if bool(absent.any()) else None


def device_name(device: torch.device) -> str:
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)
