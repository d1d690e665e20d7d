"""AdamW after clipping the norm, in float32 whatever the model computes in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..protocol.requests import StepSettings

CPU = torch.device("cpu")


class Moments(NamedTuple):
    mean: Tensor
    square: Tensor


class AdamW:
    """
    Weights that are not float32 have a copy here that is, and their gradients add up in float32: a small step is not lost in rounding.
    `offload` keeps those copies and the moments in the memory of the CPU.
    """

    def __init__(self, weights: Mapping[str, nn.Parameter], offload: bool) -> None:
        self.weights = dict(weights)
        self.updates = 0
        self.home = {name: CPU if offload else weight.device for name, weight in weights.items()}
        self.masters: dict[str, Tensor] = {}
        self.sums: dict[str, Tensor] = {}
        for name, weight in self.weights.items():
            own = weight.dtype == torch.float32 and self.home[name] == weight.device
            self.masters[name] = weight.data if own else weight.detach().to(self.home[name], torch.float32, copy=True)
            if weight.dtype != torch.float32:
                weight.register_post_accumulate_grad_hook(lambda one, name=name: self._add(name, one))
        self._fresh()

    def _fresh(self) -> None:
        self._adam = torch.optim.AdamW([nn.Parameter(master) for master in self.masters.values()], fused=True)

    def _add(self, name: str, weight: Tensor) -> None:
        grad, weight.grad = weight.grad, None
        assert grad is not None
        if name in self.sums:
            self.sums[name] += grad
        else:
            self.sums[name] = grad.float()

    def clear(self) -> None:
        self.sums.clear()
        for weight in self.weights.values():
            weight.grad = None

    def update(self, settings: StepSettings) -> tuple[float, bool]:
        """(norm of the gradient before clipping, whether it was done). A norm that is no number changes nothing."""
        grads = self.gradients()
        norm = float(torch.stack(torch._foreach_norm(list(grads.values()), dtype=torch.float64)).norm())  # in float32 a CPU loses three digits
        done = norm < float("inf")
        if done:
            scale = min(1.0, settings.grad_clip / (norm + 1e-6)) if settings.grad_clip else 1.0
            self._apply(grads, scale, settings)
        self.clear()
        return norm, done

    def gradients(self) -> dict[str, Tensor]:
        """The sums so far, in float32."""
        sums = {name: self.sums.get(name, weight.grad) for name, weight in self.weights.items()}
        return {name: torch.zeros_like(self.weights[name], dtype=torch.float32) if grad is None else grad for name, grad in sums.items()}

    def _apply(self, grads: Mapping[str, Tensor], scale: float, settings: StepSettings) -> None:
        (group,) = self._adam.param_groups
        group.update(lr=settings.learning_rate, betas=settings.betas, eps=settings.eps, weight_decay=settings.weight_decay)
        if scale < 1:
            torch._foreach_mul_(list(grads.values()), scale)
        for master, (name, grad) in zip(group["params"], grads.items(), strict=True):
            master.grad = grad.to(self.home[name])
        self._adam.step()
        self._adam.zero_grad()
        self.updates += 1
        self.publish()

    @torch.no_grad()
    def publish(self) -> None:
        """Gives the model what the copies hold."""
        apart = [name for name, weight in self.weights.items() if self.masters[name].data_ptr() != weight.data_ptr()]
        if apart:
            torch._foreach_copy_([self.weights[name] for name in apart], [self.masters[name] for name in apart])

    def bytes_to_come(self) -> int:
        """On the device, at the first update."""
        if self.updates > 0:
            return 0
        there = [weight for name, weight in self.weights.items() if self.home[name] == weight.device]
        return 4 * sum(weight.numel() for weight in self.weights.values()) + 8 * sum(weight.numel() for weight in there)

    def moments(self) -> Iterator[tuple[str, Moments]]:
        (group,) = self._adam.param_groups
        for name, master in zip(self.weights, group["params"], strict=True):
            state = self._adam.state.get(master, {})
            yield name, Moments(*(state.get(key, torch.zeros_like(master)) for key in ("exp_avg", "exp_avg_sq")))

    @torch.no_grad()
    def restore(self, masters: Mapping[str, Tensor], moments: Mapping[str, Moments], updates: int) -> None:
        for name, master in masters.items():
            self.masters[name].copy_(master)
        self._fresh()
        self.updates = updates
        if updates > 0:
            (group,) = self._adam.param_groups
            for name, master in zip(self.weights, group["params"], strict=True):
                mean, square = (one.to(master.device, torch.float32) for one in moments[name])
                self._adam.state[master] = {"step": torch.tensor(float(updates), device=master.device), "exp_avg": mean, "exp_avg_sq": square}
        self.clear()
        self.publish()
