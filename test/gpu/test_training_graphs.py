"""The exported graphs on ONNX Runtime against the functions they come from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from calls import made_up, pack, path, tree, with_logprobs
from models import KINDS, VOCABULARY, objective, small
from numpy.typing import NDArray
from reference import logprobs_of
from safetensors.torch import save_file
from tuning_fork_gpu.export.train_step import Optimizer
from tuning_fork_gpu.export.training_graphs import columns, export, graphs, open_step
from tuning_fork_gpu.loss import METRICS, Nodes, Objective, Targets

Array = NDArray[np.float32]
STEPS = 5


class Graphs:
    """What a trainer process has: files and columns, no PyTorch."""

    def __init__(self, directory: Path) -> None:
        self.described = json.loads((directory / "onnx/train.json").read_text())
        self.sessions = {name: onnxruntime.InferenceSession(directory / "onnx" / graph["file"]) for name, graph in self.described["graphs"].items()}

    def run(self, graph: str, **inputs: object) -> list[Array]:
        described = self.described["graphs"][graph]
        assert set(inputs) == set(described["inputs"])
        return self.sessions[graph].run(described["outputs"], {name: np.asarray(value) for name, value in inputs.items()})

    def grad(self, weights: Array, accumulated: Array, nodes: Nodes, targets: Targets, given: Objective) -> list[Array]:
        named = {**fields(nodes), **fields(targets), **fields(given)}
        return self.run("grad", weights=weights, accumulated=accumulated, **named)


def fields(values: Nodes | Targets | Objective | Optimizer) -> dict[str, object]:
    return dict(zip(columns(type(values), torch.zeros(())), values, strict=True))


@pytest.fixture(scope="module", params=KINDS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Graphs]:
    model, _, _ = small(request.param)
    directory = tmp_path_factory.mktemp(request.param)
    model.save_pretrained(directory)
    paths = export(directory)
    assert sum(file.stat().st_size for file in paths) < 200_000, "the graphs hold no weights"
    return request.param, Graphs(directory)


def packs_of(kind: str, seed: int) -> list[tuple[Nodes, Targets]]:
    calls = made_up(seed, VOCABULARY)
    calls = with_logprobs(calls, logprobs_of(small(kind)[0], calls, 0.8), 0.3)
    return [pack([path(call) for call in calls[:3]]), pack([tree(calls)]), pack([path(calls[0])]), pack([tree(calls[:2]), tree(calls[2:])], length=100)]


def optimizer(step: int) -> Optimizer:
    values = (step, 1e-3, 0.9, 0.999, 1e-8, 0.01, 1.0)
    return Optimizer(*(torch.tensor(float(value), dtype=torch.float64) for value in values))


def near(ours: Sequence[object], wanted: Sequence[object], tolerance: float) -> None:
    for one, other in zip(ours, wanted, strict=True):
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        assert one.shape == other.shape
        assert np.abs(one - other).max() <= tolerance * np.abs(other).max()


def test_logprobs_gradients_and_metrics_are_pytorch_s(exported: tuple[str, Graphs]) -> None:
    kind, graphs = exported
    _, step, weights = small(kind)
    for seed in range(3):
        for nodes, targets in packs_of(kind, seed):
            before = torch.randn(weights.shape, generator=torch.Generator().manual_seed(seed)) * 1e-2
            wanted = step.gradients(weights, before, nodes, targets, objective())
            near(graphs.grad(weights.numpy(), before.numpy(), nodes, targets, objective()), wanted, 1e-5)
            scored = graphs.run("score", weights=weights, **fields(nodes), node=targets.node, temperature=objective().temperature)
            near(scored, step.score(weights, nodes, targets.node, objective().temperature), 1e-5)


def test_an_update_is_pytorch_s(exported: tuple[str, Graphs]) -> None:
    kind, graphs = exported
    _, step, weights = small(kind)
    gradients = torch.randn(weights.shape, generator=torch.Generator().manual_seed(1))
    mean, square = gradients * 0.1, gradients.square() + 0.1
    for count in (1, 2, 1000):
        ours = graphs.run("apply", weights=weights, gradients=gradients, mean=mean, square=square, **fields(optimizer(count)))
        near(ours, step.update(weights, gradients, mean, square, optimizer(count)), 1e-6)


def test_five_steps_stay_together(exported: tuple[str, Graphs]) -> None:
    kind, graphs = exported
    _, step, weights = small(kind)
    state = [weights, torch.zeros_like(weights), torch.zeros_like(weights)]
    ours = [value.numpy() for value in state]
    packs = packs_of(kind, 1)
    losses = []
    for count in range(1, STEPS + 1):
        total, accumulated = torch.zeros_like(weights), np.zeros_like(ours[0])
        loss, own = 0.0, 0.0
        for nodes, targets in packs:
            total, _, _, metrics = step.gradients(state[0], total, nodes, targets, objective())
            accumulated, _, _, measured = graphs.grad(ours[0], accumulated, nodes, targets, objective())
            loss, own = loss + metrics[0].item(), own + measured[0]
        *state, norm, _ = step.update(state[0], total, *state[1:], optimizer(count))
        *ours, measured_norm, done = graphs.run(
            "apply", weights=ours[0], gradients=accumulated, mean=ours[1], square=ours[2], **fields(optimizer(count)))  # fmt: skip
        assert done and own == pytest.approx(loss, rel=1e-4) and measured_norm == pytest.approx(norm.item(), rel=1e-4)
        losses.append(own)
    assert losses[-1] < losses[0]


def test_the_same_inputs_give_the_same_bits(exported: tuple[str, Graphs]) -> None:
    kind, graphs = exported
    weights = small(kind)[2].numpy()
    for nodes, targets in packs_of(kind, 2):
        first, second = (graphs.grad(weights, np.zeros_like(weights), nodes, targets, objective()) for _ in range(2))
        assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e30])
def test_gradients_that_are_no_numbers_change_nothing(exported: tuple[str, Graphs], poison: float) -> None:
    kind, graphs = exported
    weights = small(kind)[2].numpy()
    gradients = np.full_like(weights, 0.1)
    gradients[len(gradients) // 2] = poison
    state = {"weights": weights, "mean": np.full_like(weights, 0.2), "square": np.full_like(weights, 0.3)}
    *after, norm, applied = graphs.run("apply", **state, gradients=gradients, **fields(optimizer(3)))
    assert not applied and not np.isfinite(norm)
    assert all(np.array_equal(one, other) for one, other in zip(after, state.values(), strict=True))


def test_a_missing_reference_reaches_the_flag(exported: tuple[str, Graphs]) -> None:
    kind, graphs = exported
    weights = small(kind)[2].numpy()
    nodes, targets = packs_of(kind, 0)[1]
    targets = targets._replace(ref_logprob=torch.full_like(targets.ref_logprob, torch.nan))
    assert np.isfinite(graphs.grad(weights, weights * 0, nodes, targets, objective(kl_coefficient=0.0))[0]).all()
    gradients = graphs.grad(weights, weights * 0, nodes, targets, objective())[0]
    assert not graphs.run("apply", weights=weights, gradients=gradients, mean=weights * 0, square=weights * 0, **fields(optimizer(1)))[-1]


def test_train_json_tells_where_each_weight_lies(exported: tuple[str, Graphs]) -> None:
    kind, exported_graphs = exported
    model, step, weights = small(kind)
    described = exported_graphs.described
    state = {name: weight for name, weight in model.state_dict().items() if name != "lm_head.weight" or kind == "llama"}
    assert {one["name"]: one["shape"] for one in described["parameters"]} == {name: list(weight.shape) for name, weight in state.items()}
    for one in described["parameters"]:
        size = int(np.prod(one["shape"]))
        assert torch.equal(weights[one["offset"] : one["offset"] + size].view(one["shape"]), state[one["name"]])
    assert all(torch.equal(weight, state[name]) for name, weight in step.layout.restore(weights).items())
    assert described["size"] == len(weights) == sum(weight.numel() for weight in state.values())
    assert len(described["metrics"]) == len(METRICS)
    assert {name: list(graph.inputs) for name, graph in graphs(step).items()} == {name: graph["inputs"] for name, graph in described["graphs"].items()}


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_a_checkpoint_that_does_not_fit_is_refused_by_the_name_of_the_weight(change: str, tmp_path: Path) -> None:
    model, _, _ = small("llama")
    model.save_pretrained(tmp_path)
    state = {name: weight.clone() for name, weight in model.state_dict().items()}
    if change == "missing":
        del state["model.layers.1.mlp.up_proj.weight"]
    else:
        state["model.layers.1.self_attn.q_norm.weight"] = torch.ones(8)
    save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(SystemExit, match="up_proj|q_norm"):
        open_step(tmp_path)
