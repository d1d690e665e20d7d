"""
On a device that is not the CPU, without one: tensors of PyTorch's `meta` device have no values. What mixes devices fails on them as it would on
a GPU, and so does what waits for a value where a GPU would be waited for, or cannot be recorded.
"""

from __future__ import annotations

import pytest
import torch
from models import SMALL
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from tuning_fork_gpu.models import LoraSettings, with_lora
from tuning_fork_gpu.sampling.slabs import ATTENTION, Batch, Member, Shape
from tuning_fork_gpu.sampling.steps import Steps
from tuning_fork_gpu.training.batches import batch
from tuning_fork_gpu.training.fitting import SETTINGS, made_up
from tuning_fork_gpu.training.passes import Columns, Passes, objective_of

NOT_CPU = torch.device("meta")


def model_of(lora: bool = False) -> PreTrainedModel:
    with NOT_CPU:
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model("qwen2", **SMALL), dtype=torch.bfloat16, attn_implementation="sdpa")
    if lora:
        with_lora(model, LoraSettings(rank=2))
    return model


@pytest.mark.parametrize("lora", [False, True])
def test_a_batch_is_trained_without_waiting_for_values(lora: bool) -> None:
    model = model_of(lora)
    passes = Passes("dense", NOT_CPU, 4096, print)
    rows, targets = made_up(300, 40)
    columns, given = Columns([targets], NOT_CPU), objective_of(SETTINGS, 1.0, NOT_CPU)
    found = passes.once(model, rows, columns, given)
    assert {one.device for one in found} == {NOT_CPU} and found.logprob.dtype == torch.float32
    assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)
    assert {one.device for one in passes.score_rows(model, rows, 1.0)} == {NOT_CPU}


def test_a_mask_of_blocks_is_made_without_waiting_for_values() -> None:
    rows, _ = made_up(1000, 40)
    assert batch(rows, "blocks", 32, NOT_CPU).mask.kv_indices.device == NOT_CPU


@torch.inference_mode()
@pytest.mark.parametrize("members", [[Member(row // 2, 9, row) for row in range(6)], [Member(row, 9 + row, row) for row in range(4)]], ids=["groups", "alone"])
def test_a_step_of_sampling_can_be_recorded(members: list[Member]) -> None:
    model = model_of().eval()
    model.set_attn_implementation(ATTENTION)
    running = Batch(Shape.of(model), roomy=True)
    running.reserve(trunks=4, trunk_tokens=16)
    running.arrange(members)
    running.prepare([1] * len(members))
    assert Steps(model, running, None, print)._run().device == NOT_CPU
