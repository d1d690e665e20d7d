"""Reads JSON that anyone may have sent: what is not as it must be is refused, and its place is named."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from ..errors import Refusal, bad_request

LARGEST = 2**53 - 1
"""Of the whole numbers that JSON carries from everyone to everyone."""


class Reader:
    """One object of a request."""

    def __init__(self, value: Any, path: str = "") -> None:
        self.path = path
        if not isinstance(value, dict):
            raise self.wrong("", "must be an object")
        self.value: dict[str, Any] = value

    def has(self, key: str) -> bool:
        return self.value.get(key) is not None

    def object(self, key: str) -> Reader:
        return Reader(self.value.get(key), self.at(key))

    def items(self, key: str, least: int = 0, most: int = LARGEST) -> list[Any]:
        values = self.value.get(key)
        if not isinstance(values, list) or not least <= len(values) <= most:
            raise self.wrong(key, f"must be a list of {least} to {most}")
        return values

    def text(self, key: str, most: int) -> str:
        value = self.value.get(key)
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            raise self.wrong(key, f"must be a text of 1 to {most} characters")
        return value

    def flag(self, key: str) -> bool:
        value = self.value.get(key)
        if not isinstance(value, bool):
            raise self.wrong(key, "must be true or false")
        return value

    def number(self, key: str, least: float = -math.inf, above: float = -math.inf, most: float = math.inf) -> float:
        value = self.value.get(key)
        if not is_number(value):
            raise self.wrong(key, "must be a number")
        if not (least <= value <= most and value > above):
            raise self.wrong(key, f"must be {f'more than {above}' if value <= above else f'{least} or more' if value < least else f'{most} or less'}")
        return float(value)

    def count(self, key: str, least: int = 0, most: int = LARGEST) -> int:
        value = self.value.get(key)
        if not is_count(value) or not least <= value <= most:
            raise self.wrong(key, f"must be a whole number from {least} to {most}")
        return int(value)

    def counts(self, key: str, least: int = 0) -> list[int]:
        values = self.items(key, least)
        for index, value in enumerate(values):
            if not is_count(value):
                raise self.wrong(f"{key}.{index}", "must be a whole number, 0 or more")
        return [int(value) for value in values]

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path and key else self.path or key

    def wrong(self, key: str, why: str) -> Refusal:
        at = self.at(key)
        return bad_request(f'"{at}" of the request {why}.' if at else f"The request {why}.")


def is_number(value: Any) -> TypeGuard[float]:
    return type(value) in (int, float) and abs(value) < 1e300  # no NaN, no infinity, nothing that float() cannot hold


def is_count(value: Any) -> TypeGuard[float]:
    """Also 5.0: JSON has one kind of numbers."""
    return is_number(value) and 0 <= value <= LARGEST and value == int(value)
