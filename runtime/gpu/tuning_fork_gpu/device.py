"""What rooms share of a device: what is compiled for it, its memory, and the right to have it alone."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

import torch
import torch.fx.experimental._config
from torch import nn

ALONE = threading.RLock()
"""Held by who records steps, and by whoever may wait for the whole device, as compiling does, or gives memory back: CUDA fails both when they meet."""

_OPTIONS = {"triton.mix_order_reduction_non_strict_mode": True}  # else there is a form for small batches and one for large ones
_FORMS = 64
"""Forms of a function that are compiled before one gives up: with and without gradients, adapters, another model."""


def compiled(run: Callable[..., Any]) -> Callable[..., Any]:
    """When it is called first. No two batches are of the same length, so one form takes all lengths."""
    return torch.compile(run, **_how())


def compile_in_place(module: nn.Module) -> None:
    module.compile(**_how())


def _how() -> dict[str, Any]:
    torch._dynamo.config.recompile_limit = _FORMS
    torch._dynamo.config.specialize_float = True  # the epsilon of a norm is no input from the CPU
    torch.fx.experimental._config.use_duck_shape = False  # 64 sequences are not 64 because a head is 64 wide
    return {"dynamic": True, "options": _OPTIONS}


def release(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        with ALONE:
            torch.cuda.empty_cache()
