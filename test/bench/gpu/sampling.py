"""
Sampling 64 answers in groups of 8 against `generate` of transformers on the same prompts in one batch: one JSON line a figure.

    python test/bench/gpu/sampling.py [--shape small|0.5b|1.5b] [--device cpu|cuda] [--prompt 512] [--answer 128] [--rounds 3]
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
from tuning_fork_gpu.cached_sampling import CachedSampler
from tuning_fork_gpu.choosing import Choice
from tuning_fork_gpu.sampling import Call, Sampler, Token

GROUPS, GROUP = 8, 8
BOUND = 3.0
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
    given = parser.parse_args()
    on_gpu = given.device.startswith("cuda")
    prompt, answer = given.prompt or (1024 if on_gpu else 512), given.answer or (512 if on_gpu else 128)
    model = build(given.shape, given.device, torch.bfloat16 if on_gpu else torch.float32)
    prompts = torch.randint(0, model.config.vocab_size, (GROUPS, prompt), generator=torch.Generator().manual_seed(1)).repeat_interleave(GROUP, 0)
    sampler = CachedSampler(copy.deepcopy(model))
    ours, peer = [], []
    for round in range(given.rounds + 1):
        sampler.swap(lambda: None, version=round)  # nothing is known of the prompts
        times = sample(sampler, prompts.numpy(), answer, round), generate(model, prompts, answer)
        if round > 0:  # the first one warms up
            ours.append(times[0])
            peer.append(times[1])
    sampler.close()
    mine, theirs = statistics.median(ours), statistics.median(peer)
    device = torch.cuda.get_device_name() if on_gpu else f"CPU, {torch.get_num_threads()} threads"
    print(json.dumps({
        "name": "sample_64_vs_generate", "ours": mine, "peer": theirs, "ratio": theirs / mine, "unit": "s", "bound": f">= {BOUND:g}", "holds": theirs / mine >= BOUND,
        "note": f"{GROUPS} prompts of {prompt} tokens, {GROUP} answers of {answer} to each; Qwen2 of the shape {given.shape}, {str(model.dtype).removeprefix('torch.')}, {device}; "
        f"generate: all 64 rows in one batch; {64 * answer / mine:.0f} and {64 * answer / theirs:.0f} tokens a second",
    }))  # fmt: skip


def build(shape: str, device: str, dtype: torch.dtype) -> PreTrainedModel:
    torch.manual_seed(0)
    config = Qwen2Config(**SHAPES[shape], max_position_embeddings=8192, tie_word_embeddings=True, dtype=dtype)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa").eval()


def sample(sampler: Sampler, prompts: np.ndarray, answer: int, first_key: int) -> float:
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
