"""How many tokens a batch may have: tried on this machine, not guessed."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..device import ALONE
from ..device import release as release

MOST = 65_536
ON_CPU = 4_096
SMALL, LARGE = 1_024, 4_096
KEPT_FREE = 0.15


def fit(measure: Callable[[int], int | None], free: int) -> int:
    """The largest batch, from the bytes that two dry runs take (None: more than there are)."""
    small = measure(SMALL)
    if small is None:
        return SMALL // 4
    large = measure(LARGE)
    if large is None:
        return SMALL
    per_token = max((large - small) / (LARGE - SMALL), 1.0)
    fixed = max(large - per_token * LARGE, 0.0)
    return max(SMALL, min(MOST, int((free * (1 - KEPT_FREE) - fixed) / per_token)))


def resident(device: torch.device) -> int:
    """Bytes this process holds: of the device, or of the machine where it is the CPU."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    import psutil

    return int(psutil.Process().memory_info().rss)


def free_bytes(device: torch.device) -> int:
    """What is free for us, with what PyTorch holds and does not use."""
    free, _ = torch.cuda.mem_get_info(device)
    return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))


def measured(device: torch.device, run: Callable[[], None]) -> int:
    """The most bytes that it took at once."""
    with ALONE:
        run()  # the first time, kernels are compiled and tried out
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        run()
        torch.cuda.synchronize(device)
    return int(torch.cuda.max_memory_allocated(device) - before)
