"""What this machine can do, found by dry runs: which attention works, how many tokens a batch may have, whether layers must compute their insides twice."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from .. import models
from ..loss import Targets
from ..protocol.requests import StepSettings
from . import memory
from .optimizer import AdamW
from .passes import Columns, Passes, objective_of
from .rows import Row

RECOMPUTE = 100_000_000
"""Parameters from which on, where no dry run finds room, layers forget their insides and compute them again on the way back."""
ROOMY = 4 * memory.LARGE
"""Tokens of a batch with which a device is busy: more are no faster."""
ROW = 1_024
TRIED = 600
SETTINGS = StepSettings(0.0, (0.9, 0.99), 1e-8, 0.0, 1.0, 0.2, 0.2, 0.0, 0.0, 0.0, 0.0, 1.0)


class Fitting:
    def __init__(self, model: PreTrainedModel, passes: Passes, optimizer: AdamW, recompute: bool | None) -> None:
        self.model = model
        self.passes = passes
        self.optimizer = optimizer
        self.recompute = recompute
        self.done = passes.device.type != "cuda"
        self._recompute(recompute if recompute is not None else self.done and model.num_parameters() > RECOMPUTE)

    def attention(self) -> None:
        """What is compiled needs more of a machine than PyTorch alone."""
        while self.passes.attention == "blocks":
            try:
                self._run(TRIED, score=True)
                return
            except Exception as error:  # whatever a compiler throws
                why = models.first_line(error)
                if self.passes.compiled:
                    self.passes.compiled = False
                    self.passes.tell(f"Layers cannot be compiled here, so steps are slower: {why}")
                else:
                    self.passes.attention = "dense"
                    self.passes.tell(f"FlexAttention does not work here, so trees take dense masks: {why}")
            finally:
                self.optimizer.clear()

    def batches(self) -> None:
        """Once, before the first step."""
        if self.done:
            return
        self.done = True
        free = memory.free_bytes(self.passes.device) - self.optimizer.bytes_to_come()
        for recompute in [False, True] if self.recompute is None else [self.recompute]:
            self._recompute(recompute)
            self.passes.budget = memory.fit(self._measure, free)
            if self.passes.budget >= ROOMY:
                break

    def _recompute(self, on: bool) -> None:
        if not self.model.supports_gradient_checkpointing:
            return
        if on:
            self.model.activation_checkpointing_enable({"use_reentrant": False, "preserve_rng_state": False})
        else:
            self.model.activation_checkpointing_disable()

    def _measure(self, tokens: int) -> int | None:
        try:
            return memory.measured(self.passes.device, lambda: self._run(tokens))
        except torch.OutOfMemoryError:
            return None
        finally:
            self.optimizer.clear()
            memory.release(self.passes.device)

    def _run(self, tokens: int, score: bool = False) -> None:
        """Gradients of made-up rows."""
        rows, targets = made_up(tokens, self.model.config.get_text_config().vocab_size)
        if score:
            self.passes.score_rows(self.model, rows, 1.0)
        self.passes.once(self.model, rows, Columns([targets], self.passes.device), objective_of(SETTINGS, 1.0, self.passes.device))


def made_up(tokens: int, vocabulary: int) -> tuple[list[Row], Targets]:
    """As many tokens as a dry run wants, half of them targets."""
    rows: list[Row] = []
    count = 0
    for begin, end in pairwise([*range(0, tokens, ROW), tokens]):
        length = end - begin
        parent = np.arange(0, length - 1, 2)
        ids = np.arange(length) % vocabulary
        rows.append(Row(ids, np.arange(length), np.full(length, length), parent, ids[parent + 1], count + np.arange(len(parent))))
        count += len(parent)
    zeros, ones = torch.zeros(count), torch.ones(count, dtype=torch.float64)
    return rows, Targets(zeros.int(), zeros, zeros * torch.nan, zeros, ones, ones, ones * 0)


def asks_for_offload(model: nn.Module, device: torch.device) -> bool:
    """Whether float32 weights, gradients and two moments of what is trained, beside all weights, would leave too little to compute in."""
    if device.type != "cuda":
        return False
    trained = sum(weight.numel() for weight in models.trainable(model).values())
    return 16 * trained > 0.7 * memory.free_bytes(device)
