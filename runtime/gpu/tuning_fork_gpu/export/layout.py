"""Where each weight of a checkpoint lies in one flat vector: what a trainer keeps, and its gradients and moments beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]
"""Tensors by the name of their block."""


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
class Layout:
    blocks: dict[str, list[Parameter]]
    """What is used as one: the rows of its parameters lie on each other, so that one product computes queries, keys and values."""

    @staticmethod
    def of(shapes: Mapping[str, tuple[int, ...]], layers: int, tied: bool) -> Layout:
        """Of a Qwen2 or Llama checkpoint. Its weights may have biases at queries, keys and values and must have nothing else."""
        blocks: dict[str, list[Parameter]] = {}
        # a tied head is sometimes saved beside the embedding it repeats
        unknown = set(shapes) - ({"lm_head.weight"} if tied else set())
        offset = 0
        for block, names in blocks_of(layers, tied).items():
            missing = [name for name in names if name not in shapes]
            if missing and block.endswith(".bias"):
                continue
            if missing:
                raise SystemExit(f"model.safetensors: the weight {missing[0]} is missing.")
            blocks[block] = []
            for name in names:
                blocks[block].append(Parameter(name, tuple(shapes[name]), offset))
                offset += blocks[block][-1].size
            unknown -= set(names)
        if unknown:
            raise SystemExit(f"model.safetensors: this train step does not know the weight {min(unknown)}.")
        return Layout(blocks)

    @property
    def parameters(self) -> list[Parameter]:
        return [one for block in self.blocks.values() for one in block]

    @property
    def size(self) -> int:
        return sum(one.size for one in self.parameters)

    def flatten(self, tensors: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([tensors[one.name].detach().float().reshape(-1) for one in self.parameters])

    def restore(self, flat: Tensor) -> dict[str, Tensor]:
        """The checkpoint's tensors again."""
        return {one.name: flat[one.offset : one.offset + one.size].view(one.shape) for one in self.parameters}

    def weights(self, flat: Tensor) -> Weights:
        parts = flat.split_with_sizes([sum(one.size for one in block) for block in self.blocks.values()])
        return {name: part.view(-1, *block[0].shape[1:]) for (name, block), part in zip(self.blocks.items(), parts, strict=True)}


def blocks_of(layers: int, tied: bool) -> dict[str, list[str]]:
    """The parameters in each, in the order they lie."""
    found = {"embedding": ["model.embed_tokens.weight"]}
    for index in range(layers):
        at = f"model.layers.{index}"
        for kind in ("weight", "bias"):
            found[f"{index}.qkv.{kind}"] = [f"{at}.self_attn.{part}_proj.{kind}" for part in "qkv"]
        found |= {
            f"{index}.out": [f"{at}.self_attn.o_proj.weight"],
            f"{index}.gate": [f"{at}.mlp.gate_proj.weight"],
            f"{index}.up": [f"{at}.mlp.up_proj.weight"],
            f"{index}.down": [f"{at}.mlp.down_proj.weight"],
            f"{index}.attention_norm": [f"{at}.input_layernorm.weight"],
            f"{index}.mlp_norm": [f"{at}.post_attention_layernorm.weight"],
        }
    return found | {"norm": ["model.norm.weight"]} | ({} if tied else {"head": ["lm_head.weight"]})
