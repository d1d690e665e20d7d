"""What a Qwen2 or Llama directory says of its decoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Decoder:
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    context: int
    epsilon: float
    inverse_frequencies: Array
    tied: bool

    @staticmethod
    def from_config(config: Mapping[str, Any]) -> Decoder:
        kind = config.get("model_type")
        if kind not in ("qwen2", "llama"):
            raise SystemExit(f"config.json: model_type is {kind!r}; this export knows qwen2 and llama.")
        if config.get("use_sliding_window"):
            raise SystemExit("config.json: use_sliding_window is on; this export writes plain causal attention only.")
        if config.get("hidden_act", "silu") != "silu":
            raise SystemExit(f"config.json: hidden_act is {config['hidden_act']!r}; this export knows silu.")
        heads = config["num_attention_heads"]
        head_dim = config.get("head_dim") or config["hidden_size"] // heads
        return Decoder(
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head_dim=head_dim,
            vocabulary=config["vocab_size"],
            context=config["max_position_embeddings"],
            epsilon=config["rms_norm_eps"],
            inverse_frequencies=inverse_frequencies(config, head_dim),
            tied=bool(config.get("tie_word_embeddings", False)),
        )


def inverse_frequencies(config: Mapping[str, Any], head_dim: int) -> Array:
    """RoPE's frequencies, with Llama 3's stretching of the low ones."""
    rope = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
    theta = rope.get("rope_theta") or config.get("rope_theta", 10000.0)
    base: Array = (1.0 / theta ** (np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim))).astype(np.float32)
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "default":
        return base
    if kind != "llama3":
        raise SystemExit(f"config.json: rope type {kind!r} is not supported; this export knows default and llama3.")
    original = rope["original_max_position_embeddings"]
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    wavelength = 2 * math.pi / base
    smooth = np.clip((original / wavelength - low) / (high - low), 0.0, 1.0)
    return np.asarray((1 - smooth) * base / factor + smooth * base, np.float32)
