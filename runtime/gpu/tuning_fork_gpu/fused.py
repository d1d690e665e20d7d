"""Parts of the decoder whose gradients are written by hand: fewer passes over wide tensors than autograd needs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F


class RmsNorm(Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
        scale = (x.square().mean(-1, keepdim=True) + epsilon).rsqrt()
        return x * scale * weight, scale

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, float], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(inputs[0], inputs[1], output[1])
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight, scale = ctx.saved_tensors
        unit = x * scale
        along = grad * unit
        radial = torch.mm(along, weight[:, None]) / weight.shape[0]
        return (grad * weight - unit * radial) * scale, along.sum(0), None


class SwiGlu(Function):
    @staticmethod
    def forward(gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
        silu = F.silu(gate)
        return silu * up, silu

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]) -> None:
        ctx.save_for_backward(*inputs, output[1])
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        gate, up, silu = ctx.saved_tensors
        slope = gate.sigmoid() * (1 - silu) + silu
        return grad * up * slope, grad * silu


class TokenLogprobs(Function):
    @staticmethod
    def forward(logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logprobs = logits.log_softmax(-1)
        entropy = -(logprobs.exp() * logprobs).sum(-1)
        return logprobs.gather(1, ids[:, None]).squeeze(1), entropy, logprobs

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor, Tensor]) -> None:
        ctx.save_for_backward(inputs[1], output[1], output[2])
        ctx.mark_non_differentiable(output[2])

    @staticmethod
    def backward(ctx: Any, of_logprob: Tensor, of_entropy: Tensor, _: Tensor) -> tuple[Tensor, None]:
        ids, entropy, logprobs = ctx.saved_tensors
        common = of_logprob + of_entropy * entropy
        spread = -logprobs.exp() * (logprobs * of_entropy[:, None] + common[:, None])
        return spread.scatter_add(1, ids[:, None], of_logprob[:, None]), None


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return RmsNorm.apply(x, weight, epsilon)[0]


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    return SwiGlu.apply(gate, up)[0]


def token_logprobs(logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """(log-probability of each id, entropy of its row)."""
    logprob, entropy, _ = TokenLogprobs.apply(logits, ids)
    return logprob, entropy


def logprobs_of_logits(logits: Tensor, ids: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
    """The same for a compiler, which makes one kernel of it each way: a quarter of the bytes to move."""
    logprobs = (logits.float() / temperature).log_softmax(-1)
    entropy = -(logprobs.exp() * logprobs).sum(-1)
    wanted = torch.arange(logits.shape[-1], device=logits.device) == ids[:, None]
    return torch.where(wanted, logprobs, 0.0).sum(-1), entropy
