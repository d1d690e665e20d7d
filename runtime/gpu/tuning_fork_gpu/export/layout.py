"""Where each weight of a checkpoint lies in one flat vector: what a trainer keeps, and its gradients and moments beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Parameter:
    name: str
    """As in the Hugging Face checkpoint."""
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Block:
    """Parameters that are used as one: their rows lie on each other, so that one product computes queries, keys and values."""

    name: str
    parameters: list[Parameter]

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(one.shape[0] for one in self.parameters), *self.parameters[0].shape[1:])


Weights = Mapping[str, Tensor]
"""Tensors by the name of their block."""


@dataclass(frozen=True)
class Layout:
    blocks: list[Block]

    @staticmethod
    def of(shapes: Mapping[str, tuple[int, ...]], layers: int, tied: bool) -> Layout:
        """Of a Qwen2 or Llama checkpoint. Its weights may have biases at queries, keys and values and must have nothing else."""
        blocks: list[Block] = []
        used: set[str] = set()
        offset = 0
        for name, parts in names(layers, tied):
            if not all(part in shapes for part in parts):
                if name.endswith(".bias"):
                    continue
                raise SystemExit(f"model.safetensors: the weight {next(part for part in parts if part not in shapes)} is missing.")
            parameters = []
            for part in parts:
                parameters.append(Parameter(part, tuple(shapes[part]), offset))
                offset += parameters[-1].size
            used.update(parts)
            blocks.append(Block(name, parameters))
        # a tied head is sometimes saved beside the embedding it repeats
        unknown = sorted(set(shapes) - used - ({"lm_head.weight"} if tied else set()))
        if unknown:
            raise SystemExit(f"model.safetensors: this train step does not know the weight {unknown[0]}.")
        return Layout(blocks)

    @property
    def parameters(self) -> list[Parameter]:
        return [one for block in self.blocks for one in block.parameters]

    @property
    def size(self) -> int:
        return sum(one.size for one in self.parameters)

    def flatten(self, tensors: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([tensors[one.name].detach().float().reshape(-1) for one in self.parameters])

    def restore(self, flat: Tensor) -> dict[str, Tensor]:
        """The checkpoint's tensors again."""
        return {one.name: flat[one.offset : one.offset + one.size].view(one.shape) for one in self.parameters}

    def weights(self, flat: Tensor) -> Weights:
        parts = flat.split_with_sizes([math.prod(block.shape) for block in self.blocks])
        return {block.name: part.view(block.shape) for block, part in zip(self.blocks, parts, strict=True)}


def names(layers: int, tied: bool) -> list[tuple[str, list[str]]]:
    """Each block and the parameters in it, in the order they lie."""
    found = [("embedding", ["model.embed_tokens.weight"])]
    for index in range(layers):
        at = f"model.layers.{index}"
        for kind in ("weight", "bias"):
            found.append((f"{index}.qkv.{kind}", [f"{at}.self_attn.{part}_proj.{kind}" for part in "qkv"]))
        found += [
            (f"{index}.out", [f"{at}.self_attn.o_proj.weight"]),
            (f"{index}.gate", [f"{at}.mlp.gate_proj.weight"]),
            (f"{index}.up", [f"{at}.mlp.up_proj.weight"]),
            (f"{index}.down", [f"{at}.mlp.down_proj.weight"]),
            (f"{index}.attention_norm", [f"{at}.input_layernorm.weight"]),
            (f"{index}.mlp_norm", [f"{at}.post_attention_layernorm.weight"]),
        ]
    found.append(("norm", ["model.norm.weight"]))
    return found if tied else [*found, ("head", ["lm_head.weight"])]
