"""What comes with packs: the JSON of a score or a step, checked before anything is done with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeGuard

from ..errors import Refusal, bad_request

MOST_UPDATES = 10_000


@dataclass(frozen=True)
class ScoreRequest:
    temperature: float
    checkpoint: str | None
    """A name, or a folder; None: the weights in training."""

    @staticmethod
    def parse(value: Any) -> ScoreRequest:
        read = Reader(value)
        checkpoint = None
        if read.value.get("checkpoint") is not None:
            checkpoint = read.text("checkpoint", 4096)
        return ScoreRequest(read.number("temperature", above=0), checkpoint)


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
        settings = StepSettings(
            learning_rate=of.number("learningRate", least=0),
            betas=of.betas("betas"),
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
        updates = [Update(one.counts("packs"), one.number("denominator", above=0)) for one in read.objects("updates", MOST_UPDATES)]
        return StepRequest(read.text("stepId", 200), read.count("version"), settings, updates)


class Reader:
    """Reads one object of a request, and says where it stands when it cannot."""

    def __init__(self, value: Any, path: str = "") -> None:
        self.path = path
        if not isinstance(value, dict):
            raise self.wrong("", "must be an object")
        self.value: dict[str, Any] = value

    def object(self, key: str) -> Reader:
        return Reader(self.value.get(key), self.at(key))

    def objects(self, key: str, most: int) -> list[Reader]:
        values = self.value.get(key)
        if not isinstance(values, list) or not 1 <= len(values) <= most:
            raise self.wrong(key, f"must be a list of 1 to {most}")
        return [Reader(value, f"{self.at(key)}.{index}") for index, value in enumerate(values)]

    def text(self, key: str, most: int) -> str:
        value = self.value.get(key)
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            raise self.wrong(key, f"must be a text of 1 to {most} characters")
        return value

    def number(self, key: str, least: float = -math.inf, above: float = -math.inf) -> float:
        value = self.value.get(key)
        if not is_number(value):
            raise self.wrong(key, "must be a number")
        if value < least:
            raise self.wrong(key, f"must be {least} or more")
        if value <= above:
            raise self.wrong(key, f"must be more than {above}")
        return float(value)

    def count(self, key: str) -> int:
        value = self.value.get(key)
        if not is_count(value):
            raise self.wrong(key, "must be a whole number, 0 or more")
        return int(value)

    def counts(self, key: str) -> list[int]:
        values = self.value.get(key)
        if not isinstance(values, list) or not values or not all(is_count(value) for value in values):
            raise self.wrong(key, "must be a list of whole numbers, at least one")
        return [int(value) for value in values]

    def betas(self, key: str) -> tuple[float, float]:
        values = self.value.get(key)
        if not isinstance(values, list) or len(values) != 2 or not all(is_number(value) and 0 <= value < 1 for value in values):
            raise self.wrong(key, "must be two numbers from 0 to less than 1")
        return float(values[0]), float(values[1])

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path and key else self.path or key

    def wrong(self, key: str, why: str) -> Refusal:
        at = self.at(key)
        return bad_request(f'"{at}" of the request {why}.' if at else f"The request {why}.")


def is_number(value: Any) -> TypeGuard[float]:
    return type(value) in (int, float) and abs(value) < 1e300  # no NaN, no infinity, nothing that float() cannot hold


def is_count(value: Any) -> TypeGuard[int]:
    if type(value) is float and value.is_integer():
        value = int(value)
    return type(value) is int and 0 <= value < 2**53
