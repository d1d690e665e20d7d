"""Which sampler a model gets: tried out on a few tokens, whatever its name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from transformers import PreTrainedModel

from .cached import CachedSampler
from .plain import PlainSampler
from .sampler import Sampler
from .slabs import ATTENTION, Batch, Member, Prefill, Shape
from .steps import Steps

PROMPT, MORE = 12, 4
LAYERS = {"full_attention", "sliding_attention"}


def open_sampler(model: PreTrainedModel, *, version: int = 0, note: Callable[[str], None] = lambda _: None) -> Sampler:
    """`model` is the sampler's own from now on."""
    why = why_not_cached(model)
    if why is None:
        return CachedSampler(model, version=version, note=note)
    note(f"All tokens of a call are run again for each new one, which is slow: {why}.")
    return PlainSampler(model, version=version)


@torch.inference_mode()
def why_not_cached(model: PreTrainedModel) -> str | None:
    config = model.config.get_text_config()
    if other := {*(getattr(config, "layer_types", None) or [])} - LAYERS:
        return f"{config.model_type} has layers of another kind ({', '.join(sorted(other))})"
    own = config._attn_implementation
    ids = (torch.arange(PROMPT + MORE, device=model.device) * 7 + 1)[None] % config.vocab_size
    wanted = model(input_ids=ids, use_cache=False).logits[0, PROMPT:].float()
    try:
        model.set_attn_implementation(ATTENTION)
        got = _step_by_step(model, ids).float()
        apart = float((got - wanted).abs().max() / wanted.abs().max())
        # bfloat16 has 8 bits, and a different order of sums; what is computed otherwise is far off
        if apart < (0.1 if model.dtype != torch.float32 else 1e-3):
            return None
        why = f"the attention of {config.model_type} is not the plain one"
    except Exception as error:
        why = f"{config.model_type} does not take our attention ({type(error).__name__}: {error})"
    model.set_attn_implementation(own)
    return why


def _step_by_step(model: PreTrainedModel, ids: Tensor) -> Tensor:
    shape = Shape.of(model)
    prefill, batch = Prefill(shape, 1, PROMPT), Batch(shape)
    positions = torch.arange(PROMPT, device=model.device)[None]
    prefill.begin(positions)
    model(input_ids=ids[:, :PROMPT], position_ids=positions, use_cache=False, logits_to_keep=1, slabs=prefill)
    batch.reserve(trunks=1, trunk_tokens=PROMPT)
    batch.trunks[:, :, 0, :, :PROMPT] = prefill.slab[:, :, 0]
    batch.arrange([Member(trunk=0, shared=PROMPT, own=0)])
    steps = Steps(model, batch, None, print)
    return torch.cat([steps([int(id)]) for id in ids[0, PROMPT:]])
