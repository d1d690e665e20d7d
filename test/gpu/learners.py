"""Learners of small models in directories, and steps for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from calls import Call, encode, pack, path, tree, with_logprobs
from models import KINDS, made
from reference import logprobs_of, loss_of
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel
from tuning_fork_gpu.loss import Objective
from tuning_fork_gpu.protocol.packs import Pack, PackBody
from tuning_fork_gpu.protocol.requests import StepRequest
from tuning_fork_gpu.training.learner import Learner
from tuning_fork_gpu.training.passes import Columns, objective_of
from tuning_fork_gpu.training.rows import rows_of

KINDS_OF_MODELS: dict[str, dict[str, Any]] = {
    **KINDS,
    "qwen3": {"tie_word_embeddings": True, "head_dim": 8, "rope_parameters": {"rope_theta": 1000.0, "rope_type": "default"}},
    # not on the list of those that take trees
    "mistral": {"tie_word_embeddings": False, "sliding_window": None, "rope_parameters": {"rope_theta": 1000.0, "rope_type": "default"}},
}

SETTINGS: dict[str, Any] = {
    "learningRate": 1e-3, "betas": [0.9, 0.99], "eps": 1e-8, "weightDecay": 0.01, "gradClip": 1.0, "clipLow": 0.2, "clipHigh": 0.28, "dualClip": 3.0,
    "importanceCap": 2.0, "klCoef": 0.1, "entropyCoef": 0.02, "temperature": 0.8,
}  # fmt: skip


def make(kind: str, directory: Path, **changes: Any) -> Path:
    """A model with random weights in Hugging Face format."""
    made(kind, **{**KINDS_OF_MODELS[kind], **changes}).save_pretrained(directory)
    return directory


def plain(directory: Path) -> PreTrainedModel:
    """As transformers alone loads it."""
    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager")


def scored(model: PreTrainedModel, calls: Sequence[Call], spread: float = 0.3, temperature: float = 0.8) -> list[Call]:
    return with_logprobs(calls, logprobs_of(model, calls, temperature), spread)


def linear(calls: Sequence[Call], length: int | None = None) -> Pack:
    return Pack(*pack([path(call) for call in calls], length))


def one_tree(calls: Sequence[Call]) -> Pack:
    return Pack(*pack([tree(calls)]))


def forgetting(pack: Pack, **columns: float) -> Pack:
    return Pack(pack.nodes, pack.targets._replace(**{name: torch.full_like(getattr(pack.targets, name), value) for name, value in columns.items()}))


def step_body(
    packs: Sequence[Pack], version: int = 0, step_id: str = "a", updates: Sequence[Mapping[str, Any]] | None = None, **changes: Any
) -> PackBody:  # fmt: skip
    updates = updates or [{"packs": list(range(len(packs))), "denominator": 3.0}]
    request = {"stepId": step_id, "version": version, "settings": {**SETTINGS, **changes}, "updates": updates}
    return PackBody.open(encode(packs, request))


def score_body(packs: Sequence[Pack], temperature: float = 0.8, **more: Any) -> PackBody:
    return PackBody.open(encode(packs, {"temperature": temperature, **more}))


def weights_of(learner: Learner) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in learner.model.named_parameters()}


def gradients_of(learner: Learner, packs: Sequence[Pack], denominator: float = 3.0, **changes: Any) -> tuple[dict[str, Tensor], float]:
    """(those of one update, its loss)"""
    request = StepRequest.parse(step_body(packs, **changes).request)
    columns = Columns([one.targets for one in packs], learner.device)
    rows = rows_of(packs, range(len(packs)))
    part, _ = learner.passes.gradients(learner.model, rows, columns, objective_of(request.settings, denominator, learner.device), learner.optimizer.clear)
    gradients = {name: gradient.clone() for name, gradient in learner.optimizer.gradients().items()}
    learner.optimizer.clear()
    return gradients, part.sums["loss"]


def naive_gradients(model: PreTrainedModel, calls: Sequence[Call], given: Objective) -> tuple[dict[str, Tensor], float]:
    """One row a call, one term a sampled token."""
    model.zero_grad()
    loss = loss_of(model, calls, given)
    loss.backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}, loss.item()


def apart(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> float:
    """As a part of theirs."""
    one, other = (torch.cat([values[name].detach().double().reshape(-1) for name in theirs]) for values in (ours, theirs))
    return float((one - other).norm() / other.norm())

