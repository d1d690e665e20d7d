"""Small decoders of transformers with random weights, and their train step."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from tuning_fork_gpu.export.train_step import TrainStep
from tuning_fork_gpu.export.training_graphs import open_step
from tuning_fork_gpu.loss import Objective

VOCABULARY = 40
SMALL = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 128, "initializer_range": 0.25, "attn_implementation": "eager",
}  # fmt: skip
LLAMA3 = {"rope_theta": 1000.0, "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
KINDS = {
    "qwen2": {"tie_word_embeddings": True, "rope_parameters": {"rope_theta": 1000.0, "rope_type": "default"}},
    "llama": {"tie_word_embeddings": False, "rope_parameters": LLAMA3},
}


def made(kind: str, **settings: Any) -> PreTrainedModel:
    """With random weights."""
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **{**SMALL, **settings}))
    for name, weight in model.named_parameters():
        if weight.ndim == 1:  # biases start as 0 and norms as 1, which would hide mistakes
            torch.nn.init.normal_(weight, 1.0 if "norm" in name else 0.0, 0.2)
    return model


@cache
def small(kind: str) -> tuple[PreTrainedModel, TrainStep, Tensor]:
    """(transformers' model, our step, its weights)."""
    model = made(kind, **KINDS[kind])
    directory = Path(mkdtemp())
    model.save_pretrained(directory)
    step = open_step(directory)
    return model, step, step.layout.flatten(model.state_dict())


def objective(**changes: float) -> Objective:
    values = {
        "denominator": 3.0, "temperature": 0.8, "clip_low": 0.2, "clip_high": 0.28, "dual_clip": 3.0, "truncation": 2.0, "kl_coefficient": 0.1, "entropy_coefficient": 0.02,
    }  # fmt: skip
    return Objective(**{name: torch.tensor(value, dtype=torch.float64) for name, value in {**values, **changes}.items()})
