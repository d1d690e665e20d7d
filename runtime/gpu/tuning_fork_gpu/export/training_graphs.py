"""Write the train step of a Qwen2 or Llama directory as ONNX graphs, so that it trains where there is no Python.

    python -m tuning_fork_gpu.export.training_graphs <directory with config.json and model.safetensors>

writes onnx/train-grad.onnx, train-apply.onnx, train-score.onnx, which hold no weights, and train.json, which says where each weight lies
in the flat vector that goes in and comes out.
"""

import argparse
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import onnx
import torch
from safetensors import safe_open
from torch import Tensor

from ..loss import METRICS, Nodes, Objective, Targets
from .architecture import Decoder
from .layout import Layout
from .lowering import to_onnx
from .train_step import Optimizer, TrainStep

ROWS, LENGTH, TARGETS = 3, 7, 5


class Graph(NamedTuple):
    function: Callable[..., Sequence[Tensor]]
    inputs: dict[str, Tensor]
    outputs: list[str]


def graphs(step: TrainStep) -> dict[str, Graph]:
    """Every graph with example inputs; what is an example size here is free in the graph."""
    flat = torch.zeros(step.layout.size)
    nodes = columns(Nodes, torch.ones(ROWS, LENGTH, dtype=torch.int32))
    one = torch.ones(TARGETS)
    targets = columns(Targets, one) | {"node": one.int(), **dict.fromkeys(("weight", "up", "down"), one.double())}
    scalar = torch.ones((), dtype=torch.float64)

    def score(weights: Tensor, *rest: Tensor) -> Sequence[Tensor]:
        return step.score(weights, Nodes(*rest[:4]), rest[4], rest[5])

    def grad(weights: Tensor, accumulated: Tensor, *rest: Tensor) -> Sequence[Tensor]:
        return step.gradients(weights, accumulated, Nodes(*rest[:4]), Targets(*rest[4:11]), Objective(*rest[11:]))

    def apply(weights: Tensor, gradients: Tensor, mean: Tensor, square: Tensor, *rest: Tensor) -> Sequence[Tensor]:
        return step.update(weights, gradients, mean, square, Optimizer(*rest))

    return {
        "grad": Graph(
            grad,
            {"weights": flat, "accumulated": flat, **nodes, **targets, **columns(Objective, scalar)},
            ["gradients", "logprobs", "entropies", "metrics"],
        ),
        "apply": Graph(
            apply,
            {"weights": flat, "gradients": flat, "mean": flat, "square": flat, **columns(Optimizer, scalar)},
            ["newWeights", "newMean", "newSquare", "norm", "applied"],
        ),
        "score": Graph(score, {"weights": flat, **nodes, "node": targets["node"], "temperature": scalar}, ["logprobs", "entropies"]),
    }


def columns(kind: type[Nodes | Targets | Objective | Optimizer], example: Tensor) -> dict[str, Tensor]:
    return {camel(name): example for name in kind._fields}


def camel(name: str) -> str:
    """As the tracker's columns are called."""
    return re.sub("_(.)", lambda match: match[1].upper(), name)


def open_step(directory: Path) -> TrainStep:
    architecture = Decoder.from_config(json.loads((directory / "config.json").read_text()))
    with safe_open(directory / "model.safetensors", "pt") as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    return TrainStep(architecture, Layout.of(shapes, architecture.layers, architecture.tied))


def describe(step: TrainStep, written: dict[str, Graph]) -> dict[str, Any]:
    return {
        "version": 1,
        "size": step.layout.size,
        "parameters": [{"name": one.name, "shape": list(one.shape), "offset": one.offset} for one in step.layout.parameters],
        "graphs": {name: {"file": f"train-{name}.onnx", "inputs": list(graph.inputs), "outputs": graph.outputs} for name, graph in written.items()},
        "objective": [camel(name) for name in Objective._fields],
        "optimizer": [camel(name) for name in Optimizer._fields],
        "metrics": [camel(name) for name in METRICS],
    }


def export(directory: Path) -> list[Path]:
    step = open_step(directory)
    out = directory / "onnx"
    out.mkdir(exist_ok=True)
    written = graphs(step)
    paths = [out / f"train-{name}.onnx" for name in written]
    for path, graph in zip(paths, written.values(), strict=True):
        onnx.save(to_onnx(graph.function, graph.inputs, graph.outputs), path)
    description = out / "train.json"
    description.write_text(json.dumps(describe(step, written), indent=1) + "\n")
    return [*paths, description]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tuning_fork_gpu.export.training_graphs", description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=Path, help="with config.json and model.safetensors")
    for path in export(parser.parse_args().directory):
        print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
