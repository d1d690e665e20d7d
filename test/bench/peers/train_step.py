"""Times the exported gradient step of the embedded policy beside eager PyTorch, turn by turn in one process, and prints one JSON line.

    python test/bench/peers/train_step.py [--rounds 40] [--threads 2]

8 sequences of 96 tokens, half of them trained. Linear: a prompt and one answer. Tree: a prompt and four answers. The peer is
transformers' own decoder (fused causal attention) under autograd, with the same loss.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM

root = Path(__file__).parents[3]
sys.path[:0] = [str(root / "runtime/gpu"), str(root / "test/gpu")]

from calls import Call, Sequence_, pack, tree  # noqa: E402
from tuning_fork_gpu.export.training_graphs import columns, open_step  # noqa: E402
from tuning_fork_gpu.loss import Nodes, Objective, Targets, objective  # noqa: E402

ROWS, PROMPT, TRAINED = 8, 48, 48
EMBEDDED = root / "runtime/policy/embedded"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)

    tensors = load_file(EMBEDDED / "model.safetensors")
    step = open_step(EMBEDDED)
    weights = step.layout.flatten(tensors)
    given = Objective(*(torch.tensor(value, dtype=torch.float64) for value in (ROWS * TRAINED, 1.0, 0.2, 0.28, 3.0, 2.0, 0.05, 0.01)))
    linear, branched = (pack([sequence(row, answers) for row in range(ROWS)]) for answers in (1, 4))
    assert linear[0].id.shape == branched[0].id.shape and len(linear[1].node) == len(branched[1].node)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = chosen.threads
    # As the trainer has it. Threads that spin between runs would take the peer's cores: it was slower on two threads than on one.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(EMBEDDED / "onnx/train-grad.onnx", options)

    def ours(nodes: Nodes, targets: Targets) -> Callable[[], Tensor]:
        named = {"weights": weights, "accumulated": torch.zeros_like(weights)}
        for values in (nodes, targets, given):
            named |= dict(zip(columns(type(values), torch.zeros(())), values, strict=True))
        feeds = {name: value.numpy() for name, value in named.items()}
        return lambda: torch.from_numpy(session.run(["gradients"], feeds)[0])

    eager = eager_step(*linear, given)
    difference = (ours(*linear)() - step.layout.flatten(eager())).norm() / step.layout.flatten(eager()).norm()
    assert difference < 1e-4, f"they compute different gradients: {difference}"
    best = fastest({"linear": ours(*linear), "tree": ours(*branched), "eager": eager}, chosen.rounds)
    print(json.dumps({
        "grad_ms": best["linear"], "eager_ms": best["eager"], "grad_step_vs_torch_eager": best["eager"] / best["linear"],
        "tree_vs_linear_per_token": best["tree"] / best["linear"], "threads": chosen.threads,
    }))  # fmt: skip


def sequence(row: int, answers: int) -> Sequence_:
    chance = random.Random(row)
    prompt = [chance.randrange(640) for _ in range(PROMPT)]
    # answers begin with words of their own, so that nothing but the prompt is shared
    said = [[20 * answer + chance.randrange(20), *(chance.randrange(640) for _ in range(TRAINED // answers - 1))] for answer in range(answers)]
    logprobs = [-chance.random() * 6 for _ in range(TRAINED // answers)]
    return tree(Call(prompt, answer, chance.uniform(-1, 1), 1.0, logprobs, logprobs, logprobs) for answer in said)


def eager_step(nodes: Nodes, targets: Targets, given: Objective) -> Callable[[], dict[str, Tensor]]:
    model = AutoModelForCausalLM.from_pretrained(EMBEDDED, dtype=torch.float32, attn_implementation="sdpa")
    model.model.embed_tokens.padding_idx = None  # which would leave its gradient out
    ids, at = nodes.id.long(), targets.node.long()

    def run() -> dict[str, Tensor]:
        model.zero_grad()
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
        logprobs = model.lm_head(hidden.view(-1, hidden.shape[-1])[at - 1]).log_softmax(-1)
        entropy = -(logprobs.exp() * logprobs).sum(-1)
        loss, _ = objective(logprobs.gather(1, ids.view(-1)[at, None])[:, 0], entropy, targets, given)
        loss.backward()
        return {name: weight.grad for name, weight in model.named_parameters()}

    return run


def fastest(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Milliseconds of each one's fastest round: what else runs on the machine slows all others."""
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, run in contenders.items():
            begun = time.perf_counter()
            run()
            best[name] = min(best[name], 1e3 * (time.perf_counter() - begun))
    return {name: round(value, 2) for name, value in best.items()}


if __name__ == "__main__":
    main()
