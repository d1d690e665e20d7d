"""What may be asked, as JSON: `runtime/protocol/trainer.ts` from this side. The packs that come with some of it are in `packs.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from ..errors import Refusal
from .reader import Reader, is_count, is_number

PROTOCOL = 1
PROTOCOL_HEADER = "tuning-fork-protocol"
MODEL_FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
START_CHECKPOINT = "start"
"""The weights the process began with."""

_LONGEST_PATH = 4096
_MOST_ALTERNATIVES = 100
_MOST_UPDATES = 10_000


@dataclass(frozen=True)
class SampleBody:
    prompt: list[int]
    temperature: float
    top_p: float
    top_k: int
    max_tokens: int
    stop_ids: frozenset[int]
    key: int
    top: int
    checkpoint: str | None
    """A name, or a folder; None: the weights in training."""

    @staticmethod
    def parse(value: Any, vocabulary: int, context: int) -> SampleBody:
        read = Reader(value)
        of = read.object("sampling")
        key = read.text("key", 20)
        if not re.fullmatch("[0-9]+", key) or int(key) >= 2**64:
            raise read.wrong("key", "must be a number in decimal, below 2^64")
        prompt = _prompt(read, vocabulary, context)
        return SampleBody(
            prompt,
            temperature=of.number("temperature", least=0),
            top_p=of.number("topP", above=0, most=1),
            top_k=min(of.count("topK"), vocabulary),
            max_tokens=min(of.count("maxTokens", least=1), context - len(prompt)),
            stop_ids=frozenset(read.counts("stopIds")),
            key=int(key),
            top=min(read.count("top", most=_MOST_ALTERNATIVES), vocabulary) if read.has("top") else 0,
            checkpoint=_checkpoint(read),
        )


def _prompt(read: Reader, vocabulary: int, context: int) -> list[int]:
    prompt = read.items("prompt")
    if not prompt:
        raise Refusal(400, "model-request", "The prompt is empty.")
    if len(prompt) >= context:
        raise Refusal(
            400, "context-length", f"The prompt has {len(prompt)} tokens, and the model can hold {context} with its answer.",
            "Shorten the conversation, or use a model with a longer context.",
        )  # fmt: skip
    for id in prompt:
        if not is_count(id) or id >= vocabulary:
            why = f"The prompt has the token id {str(id)[:50]}, which the model does not know."
            raise Refusal(400, "model-request", why, "Encode the prompt with this model's own tokenizer.")
    return [int(id) for id in prompt]


def _checkpoint(read: Reader) -> str | None:
    return read.text("checkpoint", _LONGEST_PATH) if read.has("checkpoint") else None


@dataclass(frozen=True)
class ScoreRequest:
    temperature: float
    checkpoint: str | None
    """As in `SampleBody`."""

    @staticmethod
    def parse(value: Any) -> ScoreRequest:
        read = Reader(value)
        return ScoreRequest(read.number("temperature", above=0), _checkpoint(read))


@dataclass(frozen=True)
class StepSettings:
    learning_rate: float
    betas: tuple[float, float]
    eps: float
    weight_decay: float
    grad_clip: float
    """Largest norm of a gradient; 0: none."""
    clip_low: float
    clip_high: float
    dual_clip: float
    """Bounds the loss of targets with a negative advantage; 0: none."""
    importance_cap: float
    """Of exp(old - sampled); 0: none."""
    kl_coef: float
    entropy_coef: float
    temperature: float


@dataclass(frozen=True)
class Update:
    packs: list[int]
    denominator: float


@dataclass(frozen=True)
class StepRequest:
    step_id: str
    version: int
    settings: StepSettings
    updates: list[Update]

    @staticmethod
    def parse(value: Any) -> StepRequest:
        read = Reader(value)
        of = read.object("settings")
        betas = of.items("betas", 2, 2)
        if not all(is_number(beta) and 0 <= beta < 1 for beta in betas):
            raise of.wrong("betas", "must be two numbers from 0 to less than 1")
        settings = StepSettings(
            learning_rate=of.number("learningRate", least=0),
            betas=(betas[0], betas[1]),
            eps=of.number("eps", above=0),
            weight_decay=of.number("weightDecay", least=0),
            grad_clip=of.number("gradClip", least=0),
            clip_low=of.number("clipLow", least=0),
            clip_high=of.number("clipHigh", least=0),
            dual_clip=of.number("dualClip", least=0),
            importance_cap=of.number("importanceCap", least=0),
            kl_coef=of.number("klCoef", least=0),
            entropy_coef=of.number("entropyCoef"),
            temperature=of.number("temperature", above=0),
        )
        updates = [Reader(one, f"updates.{index}") for index, one in enumerate(read.items("updates", 1, _MOST_UPDATES))]
        return StepRequest(
            read.text("stepId", 200), read.count("version"), settings,
            [Update(one.counts("packs", 1), one.number("denominator", above=0)) for one in updates],
        )  # fmt: skip


@dataclass(frozen=True)
class CheckpointBody:
    name: str
    directory: Path
    """Absolute."""
    optimizer: bool

    @staticmethod
    def parse(value: Any, keep: Path) -> CheckpointBody:
        read = Reader(value)
        name = read.text("name", 100)
        if not re.fullmatch(r"[\w.@=+-]+", name, re.ASCII) or not name.strip("."):
            raise read.wrong("name", "must be letters, digits and ._@=+-, and not dots alone")
        if name == START_CHECKPOINT:
            raise read.wrong("name", "is taken: it means the weights the trainer began with")
        return CheckpointBody(name, _directory(read, keep), read.flag("optimizer"))


def load_directory(value: Any, keep: Path) -> Path | None:
    """Of `LoadBody`. None: the one this process wrote under that name."""
    read = Reader(value)
    return _directory(read, keep) if read.has("directory") else None


def _directory(read: Reader, keep: Path) -> Path:
    """Relative ones are meant below `keep`."""
    text = read.text("directory", _LONGEST_PATH)
    if re.search("[\0\ud800-\udfff]", text):
        raise read.wrong("directory", "must be readable text, without a zero")
    if ".." in PurePosixPath(text).parts or ".." in PureWindowsPath(text).parts:
        raise read.wrong("directory", "must not lead upwards")
    return keep / text
