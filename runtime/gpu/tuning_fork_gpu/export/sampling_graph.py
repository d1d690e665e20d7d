"""Write a Qwen2 or Llama directory as one ONNX file in the layout transformers.js reads.

    python -m tuning_fork_gpu.export.sampling_graph <directory with config.json and model.safetensors>

The graph is built by hand with the fused operators of ONNX Runtime's CPU: keys and values are cached by GroupQueryAttention, which
takes every sequence of a batch at its own length, so that padding never reaches a softmax.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors import SafetensorError
from safetensors.torch import load_file

from .architecture import Array, Decoder

FUSED = "com.microsoft"
LARGEST = 2**31
"""Bytes of an ONNX file."""


class Graph:
    """Nodes and weights in the order they are added. What comes back is the name of the first output."""

    def __init__(self, decoder: Decoder, tensors: Mapping[str, Array]) -> None:
        self.decoder = decoder
        self.tensors = tensors
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: list[str], *outputs: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=f"{outputs[0]}/{kind}", domain=domain, **attributes))
        return outputs[0]

    def weight(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype), name))
        return name

    def stored(self, name: str, *shape: int) -> Array:
        if name not in self.tensors:
            raise SystemExit(f"model.safetensors: the weight {name} is missing.")
        if self.tensors[name].shape != shape:
            raise SystemExit(f"model.safetensors: {name} has shape {self.tensors[name].shape}, expected {shape}.")
        return self.tensors[name]

    def norm(self, name: str) -> str:
        return self.weight(name, self.stored(name, self.decoder.hidden))

    def linear(self, x: str, name: str, output: str, parts: Mapping[str, int], columns: int) -> str:
        """`parts`: weights that are used as one, with their rows."""
        rows = [self.stored(f"{part}.weight", size, columns) for part, size in parts.items()]
        return self.add("MatMul", [x, self.weight(f"{name}.weight", np.concatenate(rows).T)], output)

    def layer(self, index: int, hidden: str, residual: str, shared: list[str]) -> tuple[str, str]:
        """(normalised for the next one, the residual sum)"""
        decoder, at, out = self.decoder, f"model.layers.{index}", f"layers.{index}"

        def add_norm(update: str, norm: str, output: str) -> tuple[str, str]:
            self.add("SkipSimplifiedLayerNormalization", [residual, update, self.norm(norm)], output, "", "", f"{output}/sum", domain=FUSED, epsilon=decoder.epsilon)
            return output, f"{output}/sum"

        q_size, kv_size = decoder.heads * decoder.head_dim, decoder.kv_heads * decoder.head_dim
        parts = {f"{at}.self_attn.{part}_proj": size for part, size in (("q", q_size), ("k", kv_size), ("v", kv_size))}
        qkv = self.linear(hidden, f"{at}.self_attn.qkv_proj", f"{out}/qkv", parts, decoder.hidden)
        if f"{at}.self_attn.q_proj.bias" in self.tensors:
            bias = np.concatenate([self.stored(f"{part}.bias", size) for part, size in parts.items()])
            qkv = self.add("Add", [qkv, self.weight(f"{at}.self_attn.qkv_proj.bias", bias)], f"{out}/qkv_biased")
        past, present = ([f"{kind}.{index}.{part}" for part in ("key", "value")] for kind in ("past_key_values", "present"))
        seen = self.add(
            "GroupQueryAttention", [qkv, "", "", *past, *shared], f"{out}/attention", *present, domain=FUSED,
            num_heads=decoder.heads, kv_num_heads=decoder.kv_heads, do_rotary=1, rotary_interleaved=0, scale=1 / math.sqrt(decoder.head_dim),
        )  # fmt: skip
        name = f"{at}.self_attn.o_proj"
        seen = self.linear(seen, name, f"{out}/attention_out", {name: decoder.hidden}, q_size)
        hidden, residual = add_norm(seen, f"{at}.post_attention_layernorm.weight", f"{out}/mlp_norm")

        width = self.tensors[f"{at}.mlp.gate_proj.weight"].shape[0]
        gate, up = (self.linear(hidden, name := f"{at}.mlp.{part}_proj", f"{out}/{part}", {name: width}, decoder.hidden) for part in ("gate", "up"))
        silu = self.add("QuickGelu", [gate], f"{out}/silu", domain=FUSED, alpha=1.0)
        name = f"{at}.mlp.down_proj"
        down = self.linear(self.add("Mul", [silu, up], f"{out}/gated"), name, f"{out}/down", {name: decoder.hidden}, width)
        following = f"model.layers.{index + 1}.input_layernorm" if index + 1 < decoder.layers else "model.norm"
        return add_norm(down, f"{following}.weight", f"{out}/next_norm")

    def lengths(self) -> list[str]:
        """What attention takes of the mask: the last place of each sequence, and how long all of them are."""
        one, axis = self.weight("one", [1], np.int64), self.weight("axis", [1], np.int64)
        last = self.add("Sub", [self.add("ReduceSum", ["attention_mask", axis], "mask/length", keepdims=1), one], "mask/last")
        last = self.add("Cast", [last], "mask/seqlens_k", to=TensorProto.INT32)
        total = self.add("Gather", [self.add("Shape", ["attention_mask"], "mask/shape"), one], "mask/total", axis=0)
        return [last, self.add("Cast", [total], "mask/total_length", to=TensorProto.INT32)]

    def turns(self) -> list[str]:
        """Cosines and sines as constant nodes: the runtime folds them when it loads, the file stays small."""
        positions = self.weight("rope.positions", np.arange(self.decoder.context), np.uint16)
        frequencies = self.weight("rope.inverse_frequencies", self.decoder.inverse_frequencies[None, :])
        axis = self.weight("rope.axis", [1], np.int64)
        column = self.add("Unsqueeze", [self.add("Cast", [positions], "rope/position", to=TensorProto.FLOAT), axis], "rope/column")
        angle = self.add("Mul", [column, frequencies], "rope/angle")
        return [self.add("Cos", [angle], "rope/cos"), self.add("Sin", [angle], "rope/sin")]

    def logits(self, hidden: str, embedding: str) -> None:
        """Of the last `num_logits_to_keep` positions; 0 keeps all of them."""
        start = self.add("Unsqueeze", [self.add("Neg", ["num_logits_to_keep"], "logits/from"), self.weight("zero", [0], np.int64)], "logits/start")
        end = self.weight("end", [np.iinfo(np.int64).max], np.int64)
        kept = self.add("Slice", [hidden, start, end, "axis"], "logits/hidden")
        if self.decoder.tied:
            # folded when loaded: stored once
            self.add("MatMul", [kept, self.add("Transpose", [embedding], "lm_head", perm=[1, 0])], "logits")
        else:
            self.linear(kept, "lm_head", "logits", {"lm_head": self.decoder.vocabulary}, self.decoder.hidden)


def build(decoder: Decoder, tensors: Mapping[str, Array]) -> onnx.ModelProto:
    graph = Graph(decoder, tensors)
    name = "model.embed_tokens.weight"
    embedding = graph.weight(name, graph.stored(name, decoder.vocabulary, decoder.hidden))
    shared = [*graph.lengths(), *graph.turns()]
    residual = graph.add("Gather", [embedding, "input_ids"], "embeddings")
    norm = graph.norm("model.layers.0.input_layernorm.weight")
    hidden = graph.add("SimplifiedLayerNormalization", [residual, norm], "layers.0/input_norm", axis=-1, epsilon=decoder.epsilon, stash_type=1)
    for index in range(decoder.layers):
        hidden, residual = graph.layer(index, hidden, residual, shared)
    graph.logits(hidden, embedding)

    def value(name: str, *shape: str | int, kind: int = TensorProto.INT64) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    def cache(prefix: str, length: str) -> list[onnx.ValueInfoProto]:
        shape = ("batch_size", decoder.kv_heads, length, decoder.head_dim)
        return [value(f"{prefix}.{i}.{part}", *shape, kind=TensorProto.FLOAT) for i in range(decoder.layers) for part in ("key", "value")]

    inputs = [
        value("input_ids", "batch_size", "sequence_length"), value("attention_mask", "batch_size", "total_sequence_length"),
        value("position_ids", "batch_size", "sequence_length"), value("num_logits_to_keep"), *cache("past_key_values", "past_sequence_length"),
    ]  # fmt: skip
    outputs = [value("logits", "batch_size", "num_logits", decoder.vocabulary, kind=TensorProto.FLOAT), *cache("present", "present_sequence_length")]
    # SimplifiedLayerNormalization lives in the default domain of ONNX Runtime but not of ONNX, so onnx.checker cannot be asked.
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(helper.make_graph(graph.nodes, "decoder", inputs, outputs, graph.weights), opset_imports=opsets, producer_name="tuning-fork", ir_version=8)


def export(directory: Path) -> Path:
    for name in ("config.json", "model.safetensors"):
        if not (directory / name).is_file():
            raise SystemExit(f"{directory / name}: not found.")
    decoder = Decoder.from_config(json.loads((directory / "config.json").read_text()))
    if decoder.head_dim % 16 != 0:
        raise SystemExit(f"config.json: heads are {decoder.head_dim} wide, and ONNX Runtime's attention takes multiples of 16.")
    try:
        weights = {name: weight.float().numpy() for name, weight in load_file(directory / "model.safetensors").items()}
    except SafetensorError as error:
        raise SystemExit(f"{directory / 'model.safetensors'}: {error}.") from error
    size = sum(weight.nbytes for weight in weights.values())
    if size >= LARGEST:
        raise SystemExit(f"{directory}: its weights are {size / 2**30:.1f} GiB, and an ONNX file holds less than 2.")
    path = directory / "onnx" / "model.onnx"
    path.parent.mkdir(exist_ok=True)
    onnx.save(build(decoder, weights), path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tuning_fork_gpu.export.sampling_graph", description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=Path, help="with config.json and model.safetensors")
    path = export(parser.parse_args().directory)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
