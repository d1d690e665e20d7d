"""One step on packs, for where there is no GPU: `score`, `gradients`, `update`.

All three are plain functions of tensors: PyTorch runs them as they are, `training_graphs` writes them as ONNX graphs.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ..fused import rms_norm, swiglu, token_logprobs
from ..loss import Nodes, Objective, Targets, objective
from .architecture import Decoder
from .layout import Layout, Weights


class Optimizer(NamedTuple):
    """float64 scalars. `step` counts from 1."""

    step: Tensor
    learning_rate: Tensor
    beta1: Tensor
    beta2: Tensor
    epsilon: Tensor
    weight_decay: Tensor
    max_norm: Tensor
    """Of the gradient; infinite for none."""


class TrainStep:
    def __init__(self, architecture: Decoder, layout: Layout) -> None:
        self.architecture = architecture
        self.layout = layout
        self.frequencies = torch.from_numpy(architecture.inverse_frequencies)

    def score(self, weights: Tensor, nodes: Nodes, node: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability of each target, and entropy of what it was drawn from."""
        return self._predict(self.layout.weights(weights), nodes, node, temperature.to(weights.dtype))

    def gradients(self, weights: Tensor, accumulated: Tensor, nodes: Nodes, targets: Targets, given: Objective) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(`accumulated` and the gradients of this pack, log-probabilities, entropies, metrics)."""
        leaf = weights.detach().requires_grad_()
        logprob, entropy = self._predict(self.layout.weights(leaf), nodes, targets.node, given.temperature.to(leaf.dtype))
        loss, metrics = objective(logprob, entropy, targets, given)
        (gradients,) = torch.autograd.grad(loss, leaf)
        return accumulated + gradients, logprob.detach(), entropy.detach(), metrics

    def _predict(self, weights: Weights, nodes: Nodes, node: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
        """At the targets alone: the head is wide."""
        hidden = self._hidden(weights, nodes)
        parent = node.div(nodes.id.shape[1], rounding_mode="trunc") * nodes.id.shape[1] + nodes.parent.view(-1).index_select(0, node)
        at_parent = rms_norm(hidden.index_select(0, parent), weights["norm"], self.architecture.epsilon)
        logits = F.linear(at_parent / temperature, weights["embedding" if self.architecture.tied else "head"])
        return token_logprobs(logits, nodes.id.view(-1).index_select(0, node).long())

    def _hidden(self, weights: Weights, nodes: Nodes) -> Tensor:
        """The residual stream after the last layer, [rows * length, hidden]."""
        epsilon = self.architecture.epsilon
        unseen = mask(nodes.end)
        turn = self._turn(nodes.position, weights["embedding"].dtype)
        x = F.embedding(nodes.id.view(-1), weights["embedding"])
        for index in range(self.architecture.layers):
            at = rms_norm(x, weights[f"{index}.attention_norm"], epsilon)
            qkv = F.linear(at, weights[f"{index}.qkv.weight"], weights.get(f"{index}.qkv.bias"))
            x = x + F.linear(self._attend(qkv, unseen, turn), weights[f"{index}.out"])
            at = rms_norm(x, weights[f"{index}.mlp_norm"], epsilon)
            wide = swiglu(F.linear(at, weights[f"{index}.gate"]), F.linear(at, weights[f"{index}.up"]))
            x = x + F.linear(wide, weights[f"{index}.down"])
        return x

    def _attend(self, qkv: Tensor, unseen: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        heads, kv_heads, width = self.architecture.heads, self.architecture.kv_heads, self.architecture.head_dim
        rows, _, length, _ = unseen.shape
        by_head = qkv.view(rows, length, heads + 2 * kv_heads, width).transpose(1, 2).contiguous()
        query_key, value = by_head.split([heads + kv_heads, kv_heads], 1)
        query, key = rotate(query_key, turn).split([heads, kv_heads], 1)
        # the heads that share a key stand below each other: no key is repeated
        query = (query * width**-0.5).reshape(rows * kv_heads, heads // kv_heads * length, width)
        key, value = key.reshape(rows * kv_heads, length, width), value.reshape(rows * kv_heads, length, width)
        scores = torch.bmm(query, key.transpose(1, 2)).view(rows, heads, length, length) + unseen
        shares = scores.softmax(-1).view(rows * kv_heads, heads // kv_heads * length, length)
        return torch.bmm(shares, value).view(rows, heads, length, width).transpose(1, 2).reshape(rows * length, heads * width)

    def _turn(self, position: Tensor, kind: torch.dtype) -> tuple[Tensor, Tensor]:
        angle = position[:, None, :, None].to(kind) * self.frequencies.to(kind)
        return angle.cos(), angle.sin()

    @staticmethod
    def update(
        weights: Tensor, gradients: Tensor, mean: Tensor, square: Tensor, given: Optimizer
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """AdamW after clipping the norm: (weights, mean, square, norm, whether it was done). A norm that is no number changes nothing."""
        kind = weights.dtype
        norm = gradients.square().sum().sqrt()
        done = norm < torch.inf
        scale = (given.max_norm.to(kind) / (norm + 1e-6)).clamp(max=1.0)
        gradients = torch.where(done, gradients * scale, 0.0)
        keep_mean, keep_square = (torch.where(done, beta, 1.0) for beta in (given.beta1, given.beta2))
        rate = torch.where(done, given.learning_rate, 0.0)
        mean = keep_mean.to(kind) * mean + (1 - keep_mean).to(kind) * gradients
        square = keep_square.to(kind) * square + (1 - keep_square).to(kind) * gradients.square()
        root = (square / (1 - given.beta2**given.step).to(kind)).sqrt() + given.epsilon.to(kind)
        move = (rate / (1 - given.beta1**given.step)).to(kind) * (mean / root)
        return weights * (1 - rate * given.weight_decay).to(kind) - move, mean, square, norm, done


def mask(end: Tensor) -> Tensor:
    """What to add to attention scores: 0 where row i sees column j, else minus infinity. [rows, 1, length, length]"""
    index = torch.arange(end.shape[1], dtype=torch.int32, device=end.device)
    visible = (index[None, None, :] <= index[None, :, None]) & (index[None, :, None] < end[:, None, :])
    return torch.where(visible, 0.0, -torch.inf)[:, None]


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    (low, high), (cos, sin) = x.chunk(2, -1), turn
    return torch.cat([low * cos - high * sin, high * cos + low * sin], -1)
