"""What comes as JSON over the wire: `runtime/protocol/trainer.ts` from this side. What comes with packs is in `requests.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from ..errors import Refusal
from ..sampling.choosing import Choice
from ..sampling.prefixes import Ids
from .requests import Reader, is_count

PROTOCOL = 1
PROTOCOL_HEADER = "tuning-fork-protocol"
MODEL_FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
START_CHECKPOINT = "start"
"""The weights the process began with."""

_NAME = re.compile(r"[\w.@=+-]{1,100}", re.ASCII)
_KEY = re.compile(r"[0-9]{1,20}", re.ASCII)
_MOST_ALTERNATIVES = 100


@dataclass(frozen=True)
class SampleBody:
    prompt: Ids
    choice: Choice
    max_tokens: int
    stop_ids: frozenset[int]
    key: int
    checkpoint: str | None
    """A name, or a folder; None: the weights in training."""

    @staticmethod
    def parse(value: Any, vocabulary: int, context: int) -> SampleBody:
        read = Reader(value)
        of = read.object("sampling")
        temperature, top_p, top_k = of.number("temperature", least=0), of.number("topP", above=0), of.count("topK")
        if top_p > 1:
            raise of.wrong("topP", "must be 1 or less")
        max_tokens = of.count("maxTokens")
        if max_tokens < 1:
            raise of.wrong("maxTokens", "must be 1 or more")
        top = read.count("top") if read.value.get("top") is not None else 0
        if top > _MOST_ALTERNATIVES:
            raise read.wrong("top", f"must be {_MOST_ALTERNATIVES} or less")
        stop_ids = _numbers(read, "stopIds")
        if not all(is_count(one) for one in stop_ids):
            raise read.wrong("stopIds", "must be a list of whole numbers, 0 or more")
        prompt = _prompt(read, vocabulary, context)
        checkpoint = read.text("checkpoint", 4096) if read.value.get("checkpoint") is not None else None
        choice = Choice(temperature, top_p, min(top_k, vocabulary), min(top, vocabulary))
        return SampleBody(prompt, choice, min(max_tokens, context - len(prompt)), frozenset(int(one) for one in stop_ids), _key(read), checkpoint)


def _prompt(read: Reader, vocabulary: int, context: int) -> Ids:
    prompt = _numbers(read, "prompt")
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
    return np.array(prompt, np.int32)


def _numbers(read: Reader, key: str) -> list[Any]:
    values = read.value.get(key)
    if not isinstance(values, list):
        raise read.wrong(key, "must be a list of numbers")
    for index, value in enumerate(values):
        if type(value) not in (int, float):
            raise read.wrong(f"{key}.{index}", "must be a number")
    return values


def _key(read: Reader) -> int:
    key = read.value.get("key")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise read.wrong("key", "must be a 64-bit number in decimal")
    if int(key) >= 2**64:
        raise read.wrong("key", "must be below 2^64")
    return int(key)


@dataclass(frozen=True)
class CheckpointRequest:
    name: str
    directory: Path
    """Absolute."""
    optimizer: bool

    @staticmethod
    def parse(value: Any, keep: Path) -> CheckpointRequest:
        read = Reader(value)
        name = read.text("name", 100)
        if not _NAME.fullmatch(name):
            raise read.wrong("name", "must be 1 to 100 letters, digits and ._@=+-")
        if not name.strip("."):
            raise read.wrong("name", "must not be made of dots alone")
        if name == START_CHECKPOINT:
            raise read.wrong("name", "is taken: it means the weights the trainer began with")
        optimizer = read.value.get("optimizer")
        if not isinstance(optimizer, bool):
            raise read.wrong("optimizer", "must be true or false")
        return CheckpointRequest(name, _directory(read, keep), optimizer)


@dataclass(frozen=True)
class LoadRequest:
    directory: Path | None
    """Absolute. None: the one this process wrote under that name."""

    @staticmethod
    def parse(value: Any, keep: Path) -> LoadRequest:
        read = Reader(value)
        return LoadRequest(_directory(read, keep) if read.value.get("directory") is not None else None)


def _directory(read: Reader, keep: Path) -> Path:
    """Relative ones are meant below `keep`."""
    text = read.text("directory", 4096)
    if "\0" in text:
        raise read.wrong("directory", "must not contain a zero")
    if ".." in PurePosixPath(text).parts or ".." in PureWindowsPath(text).parts:
        raise read.wrong("directory", "must not lead upwards")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise read.wrong("directory", "must be readable text") from None
    return keep / text
