"""Models of Hugging Face: where they lie, what of them can be trained how, and low-rank adapters."""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from tqdm import tqdm
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from .errors import cannot

TREES = ("qwen2", "qwen3", "llama")
"""Architectures that are tried with trees: plain causal attention, and positions as they are given."""
LENGTH_DEPENDENT = ("dynamic", "longrope")
"""Kinds of RoPE that turn by more than the position."""
WANTED = ["*.json", "*.safetensors", "*.jinja", "*.model", "merges.txt", "vocab.txt"]
UNWANTED = ["original/*", "consolidated*"]
"""The same weights again, in another format."""
MODELSCOPE = "modelscope:"
ADAPTER = "adapter_config.json"

Tell = Callable[[str], None]
"""Of what takes long, while it does."""

warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`", category=FutureWarning)  # peft still asks transformers for it


@dataclass(frozen=True)
class LoraSettings:
    rank: int = 32
    alpha: float = 64.0
    targets: str = "all-linear"
    """Or names of layers, with commas."""


def locate(model: str, tell: Tell = lambda _: None) -> Path:
    """The folder of a model, or of an adapter: a directory as it is, a hub's copy on this machine, downloaded where it is missing."""
    path = Path(model).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file() and not (path / ADAPTER).is_file():
            raise cannot(f"{path} has no config.json.", "Give the directory of a model in Hugging Face format.")
        return path.resolve()
    if model.startswith((".", "/", "~")):
        raise cannot(f"There is no directory {path.absolute()}.", "Give the directory of a model in Hugging Face format, or the id of one on a hub.")
    return from_modelscope(model.removeprefix(MODELSCOPE), tell) if model.startswith(MODELSCOPE) else from_hub(model, tell)


def from_hub(model: str, tell: Tell) -> Path:
    from huggingface_hub import snapshot_download

    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    tell(f"Looking for {model} at {hub}")

    class Download(tqdm):  # type: ignore[type-arg]
        """A bar of bytes as a sentence now and then; the one that counts files says nothing."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "file": io.StringIO(), "mininterval": 1.0})

        def display(self, *_: Any, **__: Any) -> None:
            if self.unit == "B" and self.n and self.total:
                tell(f"Downloading {model}: {self.n / 1e6:,.0f} of {self.total / 1e6:,.0f} MB")

        def close(self) -> None:
            """It would be told once more, whenever it is collected."""

    try:
        return Path(snapshot_download(model, allow_patterns=WANTED, ignore_patterns=UNWANTED, tqdm_class=Download))
    except Exception as error:
        raise cannot(
            f"The model {model} cannot be had from {hub}: {first_line(error)}",
            "Check its id and the network; set HF_ENDPOINT to a mirror, HF_TOKEN where the model asks for it, or give a directory.",
        ) from error


def from_modelscope(model: str, tell: Tell) -> Path:
    try:
        from modelscope import snapshot_download
    except ImportError as error:
        raise cannot("The package modelscope is not installed here.", f"Install it beside this runtime: {sys.executable} -m pip install modelscope") from error
    tell(f"Downloading {model} from ModelScope, unless it is here")
    try:
        return Path(snapshot_download(model, allow_patterns=WANTED))
    except Exception as error:
        raise cannot(f"The model {model} cannot be had from ModelScope: {first_line(error)}", "Check its id and the network, or give a directory.") from error


def lineage(folder: Path) -> list[Path]:
    """The folder of a model alone; that of an adapter, then of what it was trained on."""
    if not (folder / ADAPTER).is_file():
        return [folder]
    with usable(folder):
        base = json.loads((folder / ADAPTER).read_text())["base_model_name_or_path"]
    if not isinstance(base, str) or base == "":
        raise cannot(f"The adapter in {folder} does not say which model it belongs to.", f"Write the folder or the name of that model at base_model_name_or_path of its {ADAPTER}.")
    return [folder, *lineage(locate(base))]


def file_of(folders: Sequence[Path], name: str) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def load(folder: Path, device: torch.device, dtype: torch.dtype) -> PreTrainedModel:
    """A model, with what adapters add to it. Without dropout: what is trained is what was sampled."""
    *adapters, directory = lineage(folder)
    model = load_whole(directory, dtype)
    nn.Module.to(model, device)
    for adapter in reversed(adapters):
        model = with_adapter(model, adapter).requires_grad_()
    for name, weight in model.named_parameters():
        if not bool(weight.isfinite().all()):
            raise cannot(f"{folder}: the weight {name} holds numbers that are not finite.", "Copy the model again.")
    model.name_or_path = str(folder)  # an adapter names the model it was trained on
    model.eval()
    return model


def load_whole(directory: Path, dtype: torch.dtype) -> PreTrainedModel:
    disable_progress_bar()
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            directory, dtype=dtype, attn_implementation="sdpa", trust_remote_code=False,  # it would ask, and whoever sits there knows no answer
        )  # fmt: skip
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if is_out_of_memory(error):
            raise
        raise cannot(f"The model in {directory} cannot be loaded: {first_line(error)}", "See that its files are whole, and that it is a causal language model which this version of transformers knows.") from error
    for part in (model.config, *model.modules()):
        for name, value in list(vars(part).items()):
            if isinstance(value, float) and ("drop" in name or isinstance(part, nn.Dropout)):
                setattr(part, name, 0.0)
    return model


@contextmanager
def usable(adapter: Path) -> Iterator[None]:
    """What is wrong with it is a sentence."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        if is_out_of_memory(error):
            raise
        raise cannot(f"The adapter in {adapter} cannot be used: {first_line(error)}", "Copy it again, or give the model it belongs to.") from error


def with_adapter(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """Its layers with what the adapter adds, and no adapter any more."""
    from peft import PeftModel

    with usable(folder):
        merged: PreTrainedModel = PeftModel.from_pretrained(model, folder, autocast_adapter_dtype=False, torch_device=str(model.device)).merge_and_unload()
    return merged


def why_no_trees(config: PretrainedConfig) -> str | None:
    """None where it takes trees."""
    if config.model_type not in TREES:
        return f"{config.model_type} is not among the architectures tried with trees ({', '.join(TREES)})"
    if any(kind != "full_attention" for kind in getattr(config, "layer_types", None) or []):
        return "some of its layers look at a sliding window only"
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") in LENGTH_DEPENDENT:
        return f"its positions turn with the length of the text ({rope['rope_type']})"
    return None


def with_lora(model: PreTrainedModel, settings: LoraSettings) -> Any:
    """A PeftModel: the layers of `model` have adapters from now on, and only those are trained."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    targets = settings.targets if settings.targets == "all-linear" else settings.targets.split(",")
    config = LoraConfig(r=settings.rank, lora_alpha=settings.alpha, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM")  # type: ignore[arg-type]
    try:
        # adapters of the model's own type: the optimizer keeps them in float32 as it does all weights
        adapter = get_peft_model(model, config, autocast_adapter_dtype=False)
    except ValueError as error:
        raise cannot(f"The model cannot have the adapters: {first_line(error)}", 'Name layers that it has, or "all-linear".') from error
    if model.config.tie_word_embeddings and any(hasattr(one, "base_layer") for one in (model.get_input_embeddings(), model.get_output_embeddings())):
        raise cannot("The model's head is its embedding, so neither can have an adapter of its own.", 'Name other layers, or "all-linear".')
    return adapter


def is_alike(folder: Path, adapter: Any) -> bool:
    """Whether the folder holds an adapter that is one of `adapter` but for its numbers."""
    from peft import PeftConfig

    if not (folder / ADAPTER).is_file():
        return False
    with usable(folder):
        theirs, ours = PeftConfig.from_pretrained(str(folder)).to_dict(), adapter.peft_config["default"].to_dict()
    return all(theirs.get(key) == value for key, value in ours.items() if key not in ("inference_mode", "peft_version"))


@contextmanager
def adapter_of(folder: Path, adapter: Any) -> Iterator[None]:
    """The numbers of another one that is alike, for a while."""
    from peft import set_peft_model_state_dict

    own = {name: weight.detach().clone() for name, weight in trainable(adapter).items()}
    try:
        with usable(folder):
            set_peft_model_state_dict(adapter, load_file(folder / "adapter_model.safetensors"))
        yield
    finally:
        with torch.no_grad():
            for name, weight in trainable(adapter).items():
                weight.copy_(own[name])


def merged(model: PreTrainedModel) -> Iterator[tuple[str, Tensor]]:
    """Its weights under the names they have without adapters, and with what the adapters add."""
    for name, weight in model.named_parameters():
        if ".lora_" in name:
            continue
        at, adapted, _ = name.partition(".base_layer.weight")
        layer: Any = model.get_submodule(at) if adapted else None
        yield name.replace(".base_layer.", "."), weight + layer.get_delta_weight("default") if adapted else weight


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def head_of(model: PreTrainedModel) -> nn.Module:
    head: nn.Module | None = model.get_output_embeddings()
    if head is None:
        raise cannot(f"{model.config.model_type} has no head that gives logits.", "Give a causal language model.")
    return head


def check_head(model: PreTrainedModel) -> None:
    """Logits are computed from hidden states at the targets alone; a model that does more with them than its head says is refused."""
    ids = torch.arange(5, device=model.device)[None] % model.config.get_text_config().vocab_size
    with torch.no_grad():
        theirs: Tensor = model(input_ids=ids, use_cache=False).logits
        ours: Tensor = head_of(model)(model.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state)
    if not torch.allclose(theirs.float(), ours.float(), rtol=1e-2, atol=1e-2):
        raise cannot(f"{model.config.model_type} changes its logits after its head, which this trainer does not.", "Give a model of the Qwen or Llama families.")


def is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def first_line(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0][:300] or type(error).__name__
    return text if text.endswith(".") else f"{text}."
