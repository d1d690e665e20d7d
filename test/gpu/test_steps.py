"""
Steps that are recorded and replayed. What a CUDA graph holds fixed, a trace of PyTorch's operators does too: sizes, and all that was known to
Python; what lies in tensors is read anew.
"""

from __future__ import annotations

import copy
import random

import pytest
import torch
from sampled import Answer, call_of, decoder, sample
from test_sampling import gap
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx
from tuning_fork_gpu.sampling.cached import CachedSampler
from tuning_fork_gpu.sampling.sampler import Limits
from tuning_fork_gpu.sampling.steps import Run

PATIENCE = 60


class Tracer:
    """Records without doing: what was changed by tracing is put back."""

    def __init__(self, sampler_of: list[CachedSampler]) -> None:
        self.sampler_of = sampler_of
        self.recorded = self.replayed = 0

    def __call__(self, run: Run) -> Run:
        batch = self.sampler_of[0]._batch
        own = batch.own.clone()
        traced = make_fx(lambda _: run())(torch.zeros(1))
        batch.own.copy_(own)
        self.recorded += 1

        def replay() -> Tensor:
            self.replayed += 1
            return traced(torch.zeros(1))

        return replay


def traced(model: torch.nn.Module, notes: list[str]) -> tuple[CachedSampler, Tracer]:
    tracer = Tracer([])
    sampler = CachedSampler(copy.deepcopy(model), Limits(), recorder=tracer, note=notes.append)
    tracer.sampler_of.append(sampler)
    return sampler, tracer


@pytest.mark.parametrize("kind", ["qwen2", "mistral"])
def test_what_is_replayed_is_what_the_model_says(kind: str) -> None:
    chance = random.Random(4)
    model = decoder(kind, **({"sliding_window": 7} if kind == "mistral" else {}))
    notes: list[str] = []
    sampler, tracer = traced(model, notes)
    shared = [chance.randrange(40) for _ in range(30)]
    for round in range(3):
        prompts = [shared, shared, shared[:20] + [chance.randrange(40)] * 5, *([chance.randrange(40) for _ in range(chance.randrange(1, 30))] for _ in range(3))]
        answers = [Answer() for _ in prompts]
        for index, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            sampler.submit(call_of(prompt, answer, chance.randrange(20, 60), round * 100 + index))
        for prompt, answer in zip(prompts, answers, strict=True):
            assert answer.over.wait(PATIENCE)
            assert gap(model, prompt, answer) < 1e-4
        sampler.swap(lambda: None, version=round + 1)
    assert notes == []
    assert tracer.recorded >= 3 and tracer.replayed > sampler.stats.steps / 2
    sampler.close()


def test_what_is_recorded_of_a_wide_batch_is_compiled_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuning_fork_gpu.sampling.steps.WIDE", 1)
    monkeypatch.setattr("tuning_fork_gpu.device._how", lambda: {"backend": "eager", "dynamic": True, "fullgraph": True})
    model = decoder()
    samplers: list[CachedSampler] = []
    alike: list[bool] = []

    def recorder(run: Run) -> Run:
        assert all(layer._compiled_call_impl is not None for layer in samplers[0]._model.get_decoder().layers)
        samplers[0]._batch.own.sub_(1)  # the step that was just made, again
        compiled = run()
        fresh = True

        def replay() -> Tensor:
            nonlocal fresh
            logits = run()
            if fresh:
                alike.append(torch.allclose(logits, compiled, atol=1e-5))
                fresh = False
            return logits

        return replay

    notes: list[str] = []
    samplers.append(sampler := CachedSampler(copy.deepcopy(model), Limits(), recorder=recorder, note=notes.append))
    sampler._steps._compiles = True
    answers = sample(sampler, [[1, 2, 3], [1, 2, 3, 4]], tokens=12)
    assert notes == [] and alike and all(alike)
    assert all(gap(model, prompt, answer) < 1e-4 for prompt, answer in zip([[1, 2, 3], [1, 2, 3, 4]], answers, strict=True))
    assert all(layer._compiled_call_impl is None for layer in sampler._model.get_decoder().layers)
    sampler.close()


def test_new_weights_are_in_what_is_replayed() -> None:
    model = decoder()
    sampler, tracer = traced(model, [])
    own = sampler._model
    sample(sampler, [[1, 2, 3]], tokens=30)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.1)
    sampler.swap(lambda: own.load_state_dict(model.state_dict()) and None, version=1)
    (answer,) = sample(sampler, [[1, 2, 3]], tokens=30)
    assert tracer.replayed > 20 and gap(model, [1, 2, 3], answer) < 1e-4
    sampler.close()


@pytest.mark.parametrize("fault", ["raises", "differs"])
def test_a_recording_that_does_not_work_is_done_without(fault: str) -> None:
    model = decoder()

    def faulty(run: Run) -> Run:
        if fault == "raises":
            raise RuntimeError("not on this machine")
        return lambda: torch.randn(1, 40)

    notes: list[str] = []
    sampler = CachedSampler(copy.deepcopy(model), Limits(), recorder=faulty, note=notes.append)
    (answer,) = sample(sampler, [[1, 2, 3]], tokens=30)
    assert gap(model, [1, 2, 3], answer) < 1e-4
    assert len(notes) == 1 and ("not on this machine" if fault == "raises" else "a replayed step differs from the step") in notes[0]
    sampler.close()
