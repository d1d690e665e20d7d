"""Writes test/runtime/trainers/train-graphs.golden.json: what transformers' own model and PyTorch's own AdamW make of made-up calls.

    python test/gpu/make_golden.py

The graphs of the embedded policy are tried with made-up weights, so that teaching it anew changes nothing here.
"""

import json

import conftest  # noqa: F401  (finds tuning_fork_gpu)
import numpy as np
import torch
from calls import made_up, with_logprobs
from reference import logprobs_of, loss_of
from transformers import AutoConfig, AutoModelForCausalLM
from tuning_fork_gpu.export.layout import Layout
from tuning_fork_gpu.export.train_step import Optimizer
from tuning_fork_gpu.export.training_graphs import camel, open_step
from tuning_fork_gpu.loss import Objective

EMBEDDED = conftest.ROOT / "runtime/policy/embedded"
OBJECTIVE = (5.0, 0.9, 0.2, 0.28, 3.0, 2.0, 0.05, 0.01)
OPTIMIZER = (1.0, 1e-3, 0.9, 0.99, 1e-8, 0.01, 1.0)
STEPS = 3


def made_up_weights(layout: Layout) -> torch.Tensor:
    """A linear congruential generator: the test makes the same in TypeScript."""
    state, drawn = 1, np.empty(layout.size)
    for i in range(layout.size):
        state = (1664525 * state + 1013904223) % 2**32
        drawn[i] = state / 2**32 - 0.5
    flat = torch.from_numpy(drawn)
    for one in layout.parameters:
        part = flat[one.offset : one.offset + one.size]
        part *= 0.3
        if one.name.endswith("norm.weight"):
            part += 1
    return flat.float()


def main() -> None:
    step = open_step(EMBEDDED)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(EMBEDDED), attn_implementation="eager", dtype=torch.float32)
    model.load_state_dict(step.layout.restore(made_up_weights(step.layout)), strict=False)
    given = Objective(*(torch.tensor(value, dtype=torch.float64) for value in OBJECTIVE))
    calls = made_up(3, step.architecture.vocabulary, longest=9)
    calls = with_logprobs(calls, logprobs_of(model, calls, float(given.temperature)), 0.3)

    settings = dict(zip(Optimizer._fields, OPTIMIZER, strict=True))
    adamw = torch.optim.AdamW(
        model.parameters(), settings["learning_rate"], (settings["beta1"], settings["beta2"]), settings["epsilon"], settings["weight_decay"])  # fmt: skip
    steps = []
    for _ in range(STEPS):
        logprobs = logprobs_of(model, calls, float(given.temperature))
        adamw.zero_grad()
        loss = loss_of(model, calls, given)
        loss.backward()
        gradients = {name: weight.grad for name, weight in model.named_parameters()}
        norms = {one.name: round(float(gradients[one.name].norm()), 7) for one in step.layout.parameters}
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings["max_norm"])
        adamw.step()
        steps.append({"loss": loss.item(), "norm": norm.item(), "norms": norms, "logprobs": [[round(one, 6) for one in row] for row in logprobs]})

    golden = {
        "objective": dict(zip(map(camel, Objective._fields), OBJECTIVE, strict=True)),
        "optimizer": dict(zip(map(camel, Optimizer._fields), OPTIMIZER, strict=True)),
        "calls": [{camel(name): value for name, value in vars(call).items()} for call in calls],
        "steps": steps,
    }
    path = conftest.ROOT / "test/runtime/trainers/train-graphs.golden.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(golden) + "\n")
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB, {len(calls)} calls")


if __name__ == "__main__":
    main()
