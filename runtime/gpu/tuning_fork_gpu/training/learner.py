"""What owns the weights: scores, steps, keeps and loads them. One thread calls it, one call after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from .. import models
from ..errors import Refusal, bad_request, cannot, conflict
from ..models import LoraSettings
from ..protocol.packs import Limits, Pack, PackBody, Scores
from ..protocol.requests import ScoreRequest, StepRequest
from . import checkpoints, memory
from .checkpoints import Saved, State
from .fitting import Fitting, asks_for_offload
from .metrics import Totals
from .optimizer import AdamW
from .passes import Columns, Heartbeat, Passes, objective_of
from .rows import rows_of

PROTOCOL = 1
START = "start"
"""The name of the weights the process began with. No checkpoint has it."""
KEPT_STEPS = 1000
"""Answers to steps are small, and who asks again does so soon."""
KEPT_MODELS = 2
"""Stored models in memory: a reference is asked for at every step."""


@dataclass(frozen=True)
class CheckpointBody:
    name: str
    directory: Path
    optimizer: bool


@dataclass(frozen=True)
class KnownStep:
    body: str
    """sha256."""
    answer: dict[str, Any]


def nothing() -> None:
    pass


class Learner:
    def __init__(self, name: str, directory: Path, model: PreTrainedModel, adapter: Any | None, offload: bool, recompute: bool | None) -> None:
        self.name = name
        self.directory = directory
        """config.json, tokenizer.json and chat template; with LoRA, of the base model."""
        self.model = model
        """In training. With LoRA its layers have the adapters inside."""
        self.adapter = adapter
        """The PeftModel around it, with LoRA."""
        self.device = model.device
        self.dtype = model.dtype
        self.version = 0
        self.durable_version = 0
        self.notes: list[str] = []
        attention, notes = models.attention_of(model.config, self.device)
        self.notes += notes
        self.passes = Passes(attention, self.device, memory.ON_CPU, self._note)
        self.optimizer = AdamW(models.trainable(adapter or model), offload)
        self._begun = {name: weight.detach().cpu().clone() for name, weight in self.optimizer.weights.items()} if adapter is not None else None
        self.fitting = Fitting(model, self.passes, self.optimizer, recompute)
        self._known: dict[str, KnownStep] = {}
        self._last_step: str | None = None
        self._checkpoints: dict[str, dict[str, Any]] = {}
        self._stored: dict[Path, PreTrainedModel] = {}
        self._torn: str | None = None
        self._new_notes: list[str] = []

    @classmethod
    def load(
        cls, model: str, *, device: str = "auto", dtype: str = "auto", lora: LoraSettings | None = None, seed: int = 0,
        offload: bool | None = None, recompute: bool | None = None,
    ) -> Learner:  # fmt: skip
        """
        `model`: a directory, the id of one on the Hugging Face hub (HF_ENDPOINT: a mirror), or `modelscope:<id>`. `offload`: the optimizer's
        numbers lie in the memory of the CPU; `recompute`: gradient checkpointing; None: where memory asks for it.
        """
        directory = models.locate(model)
        on = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        kind = getattr(torch, dtype) if dtype != "auto" else torch.bfloat16 if on.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
        loaded = models.load(directory, on, kind)
        models.check_head(loaded)
        adapter = models.with_lora(loaded, lora, seed) if lora else None
        if offload is None:
            offload = asks_for_offload(adapter or loaded, on)
        learner = cls(model if not Path(model).is_dir() else directory.name, directory, loaded, adapter, offload, recompute)
        learner.fitting.attention()
        return learner

    def info(self) -> dict[str, Any]:
        """`TrainerInfo` of the wire."""
        config = self.model.config.get_text_config()
        return {
            "protocol": PROTOCOL, "model": self.name, "directory": str(self.directory), "version": self.version, "durableVersion": self.durable_version,
            "device": device_name(self.device), "dtype": str(self.dtype).removeprefix("torch."), "context": self.limits.context,
            "parameters": self.model.num_parameters(), "tokenizerSha256": models.tokenizer_sha256(self.directory),
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

    def score(self, body: PackBody, heartbeat: Heartbeat = nothing) -> list[Scores]:
        """Refuses before the first heartbeat. `packs.encode_scores` makes the answer."""
        request = ScoreRequest.parse(body.request)
        packs = body.packs(self.limits)
        folder = None if request.checkpoint is None else self._folder_of(request.checkpoint)
        self._check_whole()
        heartbeat()
        with self._weights_of(folder) as model:
            return self.passes.score(model, packs, request.temperature, heartbeat)

    def step(self, body: PackBody, heartbeat: Heartbeat = nothing) -> dict[str, Any]:
        """`StepAnswer` of the wire. Refuses before the first heartbeat; the same body again gets the same answer."""
        request = StepRequest.parse(body.request)
        known = self._known.get(request.step_id)
        if known and known.body == body.sha256:
            return known.answer
        if known:
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
        heartbeat()
        self._new_notes = []
        metrics = self._updates(request, packs, heartbeat)
        self.version += 1
        notes = {"notes": self._new_notes} if self._new_notes else {}
        answer = {"stepId": request.step_id, "version": self.version, "metrics": metrics, **notes}
        self._remember(request.step_id, KnownStep(body.sha256, answer))
        return answer

    def save(self, body: CheckpointBody) -> dict[str, Any]:
        """A name may move on to a newer checkpoint; a folder never changes."""
        self._check_whole()
        known = self._known.get(self._last_step or "")
        last = {"stepId": self._last_step, "body": known.body, "answer": known.answer} if known else None
        state = State(self.version, self.optimizer.updates, last)
        checkpoints.write(body.directory, self.model, self.adapter, self.directory, self.optimizer, state, body.optimizer)
        return self._keep(body.name, body.directory, self.version, body.optimizer)

    def checkpoints(self) -> list[dict[str, Any]]:
        return list(self._checkpoints.values())

    def load_checkpoint(self, name: str, directory: Path | None) -> dict[str, Any]:
        """What was done after it is undone, and may be done again."""
        if name == START:
            self._restore(Saved(State(0, 0, None), self._first_weights(), {}, {}))
            return {"name": START, "directory": str(self.directory), "version": 0, "optimizer": True}
        known = self._checkpoints.get(name)
        if directory is None and known is None:
            raise Refusal(404, "trainer", f'There is no checkpoint "{name}".', "Name its directory: this process knows only the checkpoints it wrote itself.")
        folder = directory or Path(known["directory"] if known else "")
        self._restore(checkpoints.read(folder, self.optimizer))
        return self._keep(name, folder, self.version, True)

    def _restore(self, saved: Saved) -> None:
        self.optimizer.restore(saved.masters, saved.moments, saved.state.updates)
        checkpoints.restore_random(saved.random)
        self.version = saved.state.version
        self._torn = None
        self._known.clear()
        self._last_step = None
        if last := saved.state.last_step:
            self._remember(last["stepId"], KnownStep(last["body"], last["answer"]))

    def _first_weights(self) -> Mapping[str, Tensor]:
        return self._begun or dict(models.load(self.directory, torch.device("cpu"), self.dtype).named_parameters())

    def sampling_model(self) -> PreTrainedModel:
        """The model in training itself, ready to sample from. Only between steps."""
        self.model.set_attn_implementation("sdpa")
        return self.model.eval()

    def sampling_copy(self) -> PreTrainedModel:
        """A model with memory of its own, to sample from while steps are made; `refresh` gives it the newest weights."""
        copy = models.load(self.directory, self.device, self.dtype)
        self.refresh(copy)
        return copy

    @torch.no_grad()
    def refresh(self, copy: PreTrainedModel) -> None:
        weights = dict(models.merged(self.model))
        for name, weight in copy.named_parameters():
            weight.copy_(weights[name])

    def stored_model(self, checkpoint: str) -> PreTrainedModel:
        """A checkpoint by its name, or any model by its folder, to sample from."""
        model = self._stored_model(self._folder_of(checkpoint))
        model.set_attn_implementation("sdpa")
        return model.eval()

    def _updates(self, request: StepRequest, packs: Sequence[Pack], heartbeat: Heartbeat) -> dict[str, float | None]:
        began = time.perf_counter()
        self.fitting.batches()
        columns = Columns([pack.targets for pack in packs], self.device)
        self._score_old(request, packs, columns, heartbeat)
        totals = Totals()
        try:
            for index, update in enumerate(request.updates):
                given = objective_of(request.settings, update.denominator, self.device)
                part, logprobs = self.passes.gradients(self.model, rows_of(packs, update.packs), columns, given, self.optimizer.clear, heartbeat)
                if index == 0:  # made with the weights the step begins with, so this is what they say
                    for at, values in logprobs:
                        columns.fill_old(at, values)
                norm, done = self.optimizer.update(request.settings)
                totals.update(part, norm, done, sum(packs[number].size for number in update.packs if len(packs[number].targets.node) > 0))
        except BaseException as error:
            self.optimizer.clear()
            if totals.applied > 0:
                self._torn = f'The step "{request.step_id}" broke after {totals.applied} of its {len(request.updates)} updates.'
            if models.is_out_of_memory(error):
                raise cannot("The optimizer does not fit into the memory of this device.", "Start the runtime with its numbers offloaded to the CPU, or with LoRA.") from error
            raise
        return totals.metrics(time.perf_counter() - began)

    def _score_old(self, request: StepRequest, packs: Sequence[Pack], columns: Columns, heartbeat: Heartbeat) -> None:
        """Absent ones of later updates, before the weights move; the first update's are found on the way."""
        early = set(request.updates[0].packs)
        later = {number for update in request.updates for number in update.packs} - early
        lacking = [number for number in sorted(later) if columns.lacks_old(number)]
        at, logprobs, _ = self.passes.score_rows(self.model, rows_of(packs, lacking), request.settings.temperature, heartbeat)
        columns.fill_old(at, logprobs)

    @contextmanager
    def _weights_of(self, folder: Path | None) -> Iterator[PreTrainedModel]:
        if folder is None:
            yield self.model
        elif self.adapter is not None and folder == self.directory:
            with self.adapter.disable_adapter():
                yield self.model
        elif self.adapter is not None and (folder / "adapter_config.json").is_file():
            with models.adapter_of(folder, self.adapter):
                yield self.model
        else:
            yield self._stored_model(folder)

    def _stored_model(self, folder: Path) -> PreTrainedModel:
        model = self._stored.pop(folder, None) or self._open(folder)
        self._stored[folder] = model
        if len(self._stored) > KEPT_MODELS:
            del self._stored[next(iter(self._stored))]
        return model

    def _open(self, folder: Path) -> PreTrainedModel:
        for _ in range(2):
            try:
                return models.load_stored(folder, self.directory, self.device, self.dtype)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not models.is_out_of_memory(error):
                    raise
            self._stored.clear()
            memory.release(self.device)
        raise cannot(f"The model in {folder} does not fit into memory beside the one in training.", "Train with LoRA: its reference is the model with the adapter switched off.")

    def _folder_of(self, checkpoint: str) -> Path:
        if checkpoint == START:
            return self.directory
        known = self._checkpoints.get(checkpoint)
        if known:
            return Path(known["directory"])
        if Path(checkpoint).is_absolute():
            return Path(checkpoint)
        raise Refusal(404, "trainer", f'There is no checkpoint "{checkpoint}".', "Give the name of one this process wrote or loaded, or the absolute path of a model directory.")

    def _remember(self, step_id: str, step: KnownStep) -> None:
        self._known[step_id] = step
        self._last_step = step_id
        if len(self._known) > KEPT_STEPS:
            del self._known[next(iter(self._known))]

    def _keep(self, name: str, directory: Path, version: int, optimizer: bool) -> dict[str, Any]:
        kept = {"name": name, "directory": str(directory), "version": version, "optimizer": optimizer}
        self._checkpoints[name] = kept
        if optimizer:
            self.durable_version = max(self.durable_version, version)
        return kept

    def _check_whole(self) -> None:
        if self._torn:
            raise Refusal(422, "trainer", f"{self._torn} The weights are of no version.", "Load a checkpoint.")

    def _note(self, note: str) -> None:
        self.notes.append(note)
        self._new_notes.append(note)


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
