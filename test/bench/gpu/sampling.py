"""
Sampling 64 answers in groups of 8 against `generate` of transformers on the same prompts in one batch: one JSON line a figure.

    python test/bench/gpu/sampling.py [--shape small|0.5b|1.5b] [--device cpu|cuda] [--prompt 512] [--answer 64] [--rounds 3]
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import threading
import time
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, Qwen2Config

sys.path.insert(0, str(Path(__file__).parents[3] / "runtime/gpu"))
from tuning_fork_gpu.sampling.cached import CachedSampler
from tuning_fork_gpu.sampling.choosing import Choice
from tuning_fork_gpu.sampling.sampler import Call, Token
from tuning_fork_gpu.sampling.slabs import Shape

GROUPS, GROUP = 8, 8
BOUND, SHARE = 3.0, 0.3
SHAPES = {
    "small": {"hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 4096},
    "0.5b": {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 151936},
    "1.5b": {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 151936},
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", default="small", choices=SHAPES)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--prompt", type=int)
    parser.add_argument("--answer", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bandwidth", type=float, default=4.8, help="of the GPU's memory, TB/s")
    given = parser.parse_args()
    on_gpu = given.device.startswith("cuda")
    prompt, answer = given.prompt or (1024 if on_gpu else 512), given.answer or (512 if on_gpu else 64)
    model = build(given.shape, given.device, torch.bfloat16 if on_gpu else torch.float32)
    prompts = torch.randint(0, model.config.vocab_size, (GROUPS, prompt), generator=torch.Generator().manual_seed(1)).repeat_interleave(GROUP, 0)
    sampled = copy.deepcopy(model)
    sampler = CachedSampler(sampled, note=lambda note: print(note, file=sys.stderr))
    ours, peer, swaps = [], [], []
    for round in range(given.rounds + 1):
        began = time.perf_counter()
        sampler.swap(lambda: refresh(sampled, model), version=round)
        sample(sampler, prompts[:1].numpy(), 1, round)
        swap = time.perf_counter() - began
        sampler.swap(lambda: None, version=round)  # nothing is known of the prompts
        times = sample(sampler, prompts.numpy(), answer, round), generate(model, prompts, answer)
        if round > 0:  # the first one warms up
            ours.append(times[0])
            peer.append(times[1])
            swaps.append(swap)
    sampler.close()
    mine, theirs, first = statistics.median(ours), statistics.median(peer), statistics.median(swaps) * 1000
    device = torch.cuda.get_device_name() if on_gpu else f"CPU, {torch.get_num_threads()} threads"
    what = f"Qwen2 of the shape {given.shape}, {str(model.dtype).removeprefix('torch.')}, {device}"
    figures = [
        figure("sample_64_vs_generate", mine, theirs, theirs / mine, "s", f">= {BOUND:g}", theirs / mine >= BOUND,
               f"{GROUPS} prompts of {prompt} tokens, {GROUP} answers of {answer} to each; {what}; generate: all 64 rows in one batch; "
               f"{64 * answer / mine:.0f} and {64 * answer / theirs:.0f} tokens a second"),
        figure("new_weights_to_first_token_ms", first, None, None, "ms", "", True, f"copying all weights, then a prompt of {prompt} tokens; {what}"),
    ]  # fmt: skip
    if on_gpu:
        floor = answer * (weight_bytes(model) + key_value_bytes(model, prompt, answer)) / (given.bandwidth * 1e12)
        figures.append(figure("sample_64_bandwidth_share", floor / mine, None, None, "", f">= {SHARE:g}", floor / mine >= SHARE,
                              f"of {given.bandwidth} TB/s, weights and keys and values read once a step, each prompt's once for its group; {what}"))  # fmt: skip
    for one in figures:
        print(json.dumps(one))


def figure(name: str, ours: float, peer: float | None, ratio: float | None, unit: str, bound: str, holds: bool, note: str) -> dict[str, object]:
    return {"name": name, "ours": ours, "peer": peer, "ratio": ratio, "unit": unit, "bound": bound, "holds": holds, "note": note}


def weight_bytes(model: PreTrainedModel) -> int:
    """Tied embeddings are read as the head."""
    return sum(weight.nbytes for weight in model.parameters())


def key_value_bytes(model: PreTrainedModel, prompt: int, answer: int) -> float:
    """Of a step in the middle."""
    return Shape.of(model).bytes * (GROUPS * prompt + GROUPS * GROUP * answer / 2)


def refresh(sampled: PreTrainedModel, model: PreTrainedModel) -> None:
    for weight, newest in zip(sampled.parameters(), model.parameters(), strict=True):
        weight.copy_(newest)


def build(shape: str, device: str, dtype: torch.dtype) -> PreTrainedModel:
    torch.manual_seed(0)
    config = Qwen2Config(**SHAPES[shape], max_position_embeddings=8192, tie_word_embeddings=True, dtype=dtype)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa").eval()


def sample(sampler: CachedSampler, prompts: np.ndarray, answer: int, first_key: int) -> float:
    left = len(prompts)
    over = threading.Event()

    def tell(news: object) -> None:
        nonlocal left
        if not isinstance(news, Token):
            left -= 1
            if left == 0:
                over.set()

    began = time.perf_counter()
    for key, prompt in enumerate(prompts):
        sampler.submit(Call(prompt.astype(np.int32), answer, frozenset(), first_key * 1000 + key, Choice(), tell))
    over.wait()
    return time.perf_counter() - began


@torch.inference_mode()
def generate(model: PreTrainedModel, prompts: torch.Tensor, answer: int) -> float:
    ids = prompts.to(model.device)
    began = time.perf_counter()
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=answer, min_new_tokens=answer,
        eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    assert out.cpu().shape[1] == prompts.shape[1] + answer
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
