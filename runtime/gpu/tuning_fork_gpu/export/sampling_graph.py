"""Write a Qwen2 or Llama directory as one ONNX file in the layout transformers.js reads.

    python -m tuning_fork_gpu.export.sampling_graph <directory with config.json and model.safetensors>

The graph is built by hand with the fused operators of ONNX Runtime's CPU: keys and values are cached by GroupQueryAttention, which
takes every sequence of a batch at its own length, so that padding never reaches a softmax.
"""

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors import SafetensorError
from safetensors.torch import load_file

Array = NDArray[np.float32]
FUSED = "com.microsoft"
LARGEST = 2**31
"""Bytes of an ONNX file."""


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
    def from_config(config: dict) -> "Decoder":
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


def inverse_frequencies(config: dict, head_dim: int) -> Array:
    """RoPE's frequencies, with Llama 3's stretching of the low ones."""
    rope = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
    theta = rope.get("rope_theta") or config.get("rope_theta", 10000.0)
    base = (1.0 / theta ** (np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim))).astype(np.float32)
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "default":
        return base
    if kind != "llama3":
        raise SystemExit(f"config.json: rope type {kind!r} is not supported; this export knows default and llama3.")
    original = rope["original_max_position_embeddings"]
    low, high, factor = rope["low_freq_factor"], rope["high_freq_factor"], rope["factor"]
    wavelength = 2 * math.pi / base
    smooth = np.clip((original / wavelength - low) / (high - low), 0.0, 1.0)
    return ((1 - smooth) * base / factor + smooth * base).astype(np.float32)


class Graph:
    """Nodes and weights in the order they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def weight(self, name: str, value: NDArray) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: object) -> str:
        self.add_many(kind, inputs, [output], domain, **attributes)
        return output

    def add_many(self, kind: str, inputs: list[str], outputs: list[str], domain: str = "", **attributes: object) -> None:
        name = next(output for output in outputs if output) + "/" + kind
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, domain=domain, **attributes))


def rope_tables(graph: Graph, decoder: Decoder) -> tuple[str, str]:
    """Cosines and sines as constant nodes: the runtime folds them when it loads, the file stays small."""
    positions = graph.weight("rope.positions", np.arange(decoder.context, dtype=np.uint16))
    frequencies = graph.weight("rope.inverse_frequencies", decoder.inverse_frequencies[None, :])
    axis = graph.weight("rope.axis", np.array([1], np.int64))
    cast = graph.add("Cast", [positions], "rope/position", to=TensorProto.FLOAT)
    column = graph.add("Unsqueeze", [cast, axis], "rope/column")
    angle = graph.add("Mul", [column, frequencies], "rope/angle")
    return graph.add("Cos", [angle], "rope/cos"), graph.add("Sin", [angle], "rope/sin")


def build(decoder: Decoder, tensors: dict[str, Array]) -> onnx.ModelProto:
    graph = Graph()
    head_dim, kv_size, q_size = decoder.head_dim, decoder.kv_heads * decoder.head_dim, decoder.heads * decoder.head_dim

    def tensor(name: str, *shape: int) -> Array:
        if name not in tensors:
            raise SystemExit(f"model.safetensors: the weight {name} is missing.")
        if tensors[name].shape != shape:
            raise SystemExit(f"model.safetensors: {name} has shape {tensors[name].shape}, expected {shape}.")
        return tensors[name]

    def transposed(name: str, parts: list[Array]) -> str:
        return graph.weight(name, np.concatenate(parts).T)

    embedding = graph.weight("model.embed_tokens.weight", tensor("model.embed_tokens.weight", decoder.vocabulary, decoder.hidden))
    one = graph.weight("one", np.array(1, np.int64))
    axis = graph.weight("axis", np.array([1], np.int64))
    mask_length = graph.add("ReduceSum", ["attention_mask", axis], "mask/length", keepdims=1)
    last = graph.add("Sub", [mask_length, one], "mask/last")
    lengths = graph.add("Cast", [last], "mask/seqlens_k", to=TensorProto.INT32)
    mask_shape = graph.add("Shape", ["attention_mask"], "mask/shape")
    total = graph.add("Gather", [mask_shape, one], "mask/total", axis=0)
    total_length = graph.add("Cast", [total], "mask/total_length", to=TensorProto.INT32)
    cos, sin = rope_tables(graph, decoder)

    residual = graph.add("Gather", [embedding, "input_ids"], "embeddings")
    norm = graph.weight("model.layers.0.input_layernorm.weight", tensor("model.layers.0.input_layernorm.weight", decoder.hidden))
    hidden = graph.add("SimplifiedLayerNormalization", [residual, norm], "layers.0/input_norm", axis=-1, epsilon=decoder.epsilon, stash_type=1)
    for index in range(decoder.layers):
        at, out = f"model.layers.{index}", f"layers.{index}"

        def add_norm(update: str, weight: str, output: str) -> tuple[str, str]:
            """The residual sum and its norm in one pass: (normalised, sum)."""
            scale = graph.weight(weight, tensor(weight, decoder.hidden))
            graph.add_many("SkipSimplifiedLayerNormalization", [residual, update, scale], [output, "", "", output + "/sum"], FUSED,
                           epsilon=decoder.epsilon)
            return output, output + "/sum"

        rows = [("q", q_size), ("k", kv_size), ("v", kv_size)]
        qkv = graph.add("MatMul", [hidden, transposed(f"{at}.self_attn.qkv_proj.weight", [
            tensor(f"{at}.self_attn.{part}_proj.weight", size, decoder.hidden) for part, size in rows])], f"{out}/qkv")
        if f"{at}.self_attn.q_proj.bias" in tensors:
            bias = np.concatenate([tensor(f"{at}.self_attn.{part}_proj.bias", size) for part, size in rows])
            qkv = graph.add("Add", [qkv, graph.weight(f"{at}.self_attn.qkv_proj.bias", bias)], f"{out}/qkv_biased")
        graph.add_many(
            "GroupQueryAttention",
            [qkv, "", "", f"past_key_values.{index}.key", f"past_key_values.{index}.value", lengths, total_length, cos, sin],
            [f"{out}/attention", f"present.{index}.key", f"present.{index}.value"], FUSED,
            num_heads=decoder.heads, kv_num_heads=decoder.kv_heads, do_rotary=1, rotary_interleaved=0, scale=1 / math.sqrt(head_dim))
        projected = graph.add("MatMul", [f"{out}/attention", transposed(f"{at}.self_attn.o_proj.weight", [
            tensor(f"{at}.self_attn.o_proj.weight", decoder.hidden, q_size)])], f"{out}/attention_out")
        hidden, residual = add_norm(projected, f"{at}.post_attention_layernorm.weight", f"{out}/mlp_norm")

        width = tensors[f"{at}.mlp.gate_proj.weight"].shape[0]
        gate, up = (graph.add("MatMul", [hidden, transposed(f"{at}.mlp.{part}_proj.weight", [
            tensor(f"{at}.mlp.{part}_proj.weight", width, decoder.hidden)])], f"{out}/{part}") for part in ("gate", "up"))
        silu = graph.add("QuickGelu", [gate], f"{out}/silu", FUSED, alpha=1.0)
        product = graph.add("Mul", [silu, up], f"{out}/gated")
        down = graph.add("MatMul", [product, transposed(f"{at}.mlp.down_proj.weight", [
            tensor(f"{at}.mlp.down_proj.weight", decoder.hidden, width)])], f"{out}/down")
        following = f"model.layers.{index + 1}.input_layernorm.weight" if index + 1 < decoder.layers else "model.norm.weight"
        hidden, residual = add_norm(down, following, f"{out}/next_norm")

    # Logits of the last `num_logits_to_keep` positions; 0 keeps all of them.
    start = graph.add("Neg", ["num_logits_to_keep"], "logits/from")
    start = graph.add("Unsqueeze", [start, graph.weight("zero", np.array([0], np.int64))], "logits/start")
    end = graph.weight("end", np.array([np.iinfo(np.int64).max], np.int64))
    kept = graph.add("Slice", [hidden, start, end, axis], "logits/hidden")
    if decoder.tied:
        head = graph.add("Transpose", [embedding], "lm_head", perm=[1, 0])  # folded when loaded: stored once
    else:
        head = transposed("lm_head.weight", [tensor("lm_head.weight", decoder.vocabulary, decoder.hidden)])
    graph.add("MatMul", [kept, head], "logits")

    integers, floats = TensorProto.INT64, TensorProto.FLOAT
    def cache(prefix: str, length: str) -> list[onnx.ValueInfoProto]:
        shape = ["batch_size", decoder.kv_heads, length, head_dim]
        return [helper.make_tensor_value_info(f"{prefix}.{i}.{part}", floats, shape) for i in range(decoder.layers) for part in ("key", "value")]

    inputs = [
        helper.make_tensor_value_info("input_ids", integers, ["batch_size", "sequence_length"]),
        helper.make_tensor_value_info("attention_mask", integers, ["batch_size", "total_sequence_length"]),
        helper.make_tensor_value_info("position_ids", integers, ["batch_size", "sequence_length"]),
        helper.make_tensor_value_info("num_logits_to_keep", integers, []),
        *cache("past_key_values", "past_sequence_length"),
    ]
    outputs = [
        helper.make_tensor_value_info("logits", floats, ["batch_size", "num_logits", decoder.vocabulary]),
        *cache("present", "present_sequence_length"),
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "decoder", inputs, outputs, graph.weights),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)],
        producer_name="tuning-fork", ir_version=8)
    # SimplifiedLayerNormalization lives in the default domain of ONNX Runtime but not of ONNX, so onnx.checker cannot be asked.
    return model


def export(directory: Path) -> Path:
    for name in ("config.json", "model.safetensors"):
        if not (directory / name).is_file():
            raise SystemExit(f"{directory / name}: not found.")
    decoder = Decoder.from_config(json.loads((directory / "config.json").read_text()))
    try:
        weights = {name: weight.float().numpy() for name, weight in load_file(directory / "model.safetensors").items()}
    except SafetensorError as error:
        raise SystemExit(f"{directory / 'model.safetensors'}: {error}.") from error
    size = sum(weight.nbytes for weight in weights.values())
    if size >= LARGEST:
        raise SystemExit(f"{directory}: its weights are {size / 2**30:.1f} GiB, and an ONNX file holds less than 2.")
    model = build(decoder, weights)
    path = directory / "onnx" / "model.onnx"
    path.parent.mkdir(exist_ok=True)
    onnx.save(model, path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tuning_fork_gpu.export.sampling_graph", description=__doc__.split("\n")[0])
    parser.add_argument("directory", type=Path, help="with config.json and model.safetensors")
    path = export(parser.parse_args().directory)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
