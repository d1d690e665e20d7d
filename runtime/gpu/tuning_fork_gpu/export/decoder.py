"""A Qwen2 decoder: RoPE, RMSNorm, SwiGLU, grouped keys and values, tied embeddings. Names of weights are Hugging Face's."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    vocab_size: int
    hidden_size: int = 128
    intermediate_size: int = 384
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    max_position_embeddings: int = 1024
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-6

    @property
    def head(self) -> int:
        return self.hidden_size // self.num_attention_heads

    def config(self, stop: int, pad: int) -> dict[str, object]:
        """config.json as transformers writes it for this architecture."""
        return {
            "architectures": ["Qwen2ForCausalLM"],
            "model_type": "qwen2",
            **asdict(self),
            "hidden_act": "silu",
            "attention_dropout": 0.0,
            "initializer_range": 0.02,
            "tie_word_embeddings": True,
            "use_cache": True,
            "use_sliding_window": False,
            "bos_token_id": None,
            "eos_token_id": stop,
            "pad_token_id": pad,
            "torch_dtype": "float32",
        }


Past = list[tuple[Tensor, Tensor]]


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        narrow = shape.num_key_value_heads * shape.head
        self.q_proj = nn.Linear(shape.hidden_size, shape.hidden_size)
        self.k_proj = nn.Linear(shape.hidden_size, narrow)
        self.v_proj = nn.Linear(shape.hidden_size, narrow)
        self.o_proj = nn.Linear(shape.hidden_size, shape.hidden_size, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor | None, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        batch, length, _ = x.shape
        query, key, value = (
            project(x).view(batch, length, -1, self.shape.head).transpose(1, 2) for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        query, key = rotate(query, turn), rotate(key, turn)
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None, enable_gqa=True)
        return self.o_proj(seen.transpose(1, 2).reshape(batch, length, -1)), (key, value)


class Mlp(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.mlp = Mlp(shape)


class Decoder(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = nn.RMSNorm(shape.hidden_size, shape.rms_norm_eps)
        self.apply(self._start)

    @staticmethod
    def _start(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, ids: Tensor, positions: Tensor | None = None, mask: Tensor | None = None, past: Past | None = None) -> tuple[Tensor, Past]:
        """The last hidden states, before `logits`. Without a mask attention is causal; a mask says which keys each query sees."""
        if positions is None:
            positions = torch.arange(ids.shape[1], device=ids.device)[None]
        turn = rotation(positions, self.shape)
        x = self.embed_tokens(ids)
        kept: Past = []
        for index, layer in enumerate(self.layers):
            seen, pair = layer.self_attn(layer.input_layernorm(x), turn, mask, past[index] if past else None)
            kept.append(pair)
            x = x + seen
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        return self.norm(x), kept

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden @ self.embed_tokens.weight.T

    def hf_state(self) -> dict[str, Tensor]:
        return {f"model.{name}": weight.detach().float().contiguous() for name, weight in self.state_dict().items()}

    def load_hf_state(self, state: dict[str, Tensor]) -> None:
        self.load_state_dict({name.removeprefix("model."): weight for name, weight in state.items()})


def rotation(positions: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    steps = torch.arange(0, shape.head, 2, device=positions.device, dtype=torch.float32) / shape.head
    angle = positions[:, None, :, None].float() * shape.rope_theta**-steps
    angle = torch.cat([angle, angle], -1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    low, high = x.chunk(2, -1)
    return x * turn[0] + torch.cat([-high, low], -1) * turn[1]
