"""The safetensors format as it comes over the network: whatever is not exactly the format is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ..errors import Refusal, bad_request

SIZES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2, "I8": 1, "U8": 1, "BOOL": 1}
READ: dict[str, np.dtype[Any]] = {"I32": np.dtype("<i4"), "F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
NAMES = {dtype.str: name for name, dtype in READ.items()}
LONGEST_HEADER = 100_000_000
"""As in the reference implementation."""


class Stored(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    data: memoryview

    def numbers(self) -> NDArray[Any]:
        """In memory of their own."""
        return np.frombuffer(self.data, READ[self.dtype]).copy().reshape(self.shape)


class Body(NamedTuple):
    metadata: dict[str, str]
    tensors: dict[str, Stored]


def read(body: bytes) -> Body:
    if len(body) < 8:
        raise malformed("it has fewer than 8 bytes")
    length = int.from_bytes(body[:8], "little")
    if length > LONGEST_HEADER or 8 + length > len(body):
        raise malformed("its header is longer than the whole")
    header = parse(body[8 : 8 + length])
    data = memoryview(body)[8 + length :]
    metadata = as_object(header.pop("__metadata__", {}), "__metadata__")
    for key, text in metadata.items():
        if not isinstance(text, str):
            raise malformed(f'the metadata "{key}" is not text')
    tensors: dict[str, Stored] = {}
    spans: list[tuple[int, int, str]] = []
    for name, value in header.items():
        entry = as_object(value, name)
        dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
        if not isinstance(dtype, str) or dtype not in SIZES:
            raise malformed(f'"{name}" has the unknown dtype {json.dumps(dtype)}')
        if not are_counts(shape):
            raise malformed(f'the shape of "{name}" is not a list of whole numbers')
        if not are_counts(offsets) or len(offsets) != 2:
            raise malformed(f'the data_offsets of "{name}" are not two whole numbers')
        begin, end = offsets
        if end - begin != math.prod(shape) * SIZES[dtype]:
            raise malformed(f'"{name}" has another size than its shape says')
        spans.append((begin, end, name))
        tensors[name] = Stored(dtype, tuple(shape), data[begin:end])
    at = 0
    for begin, end, name in sorted(spans):
        if begin != at:
            raise malformed(f'"{name}" does not begin where the tensor before it ends')
        at = end
    if at != len(data):
        raise malformed(f"its tensors have {at} bytes and it holds {len(data)}")
    return Body(metadata, tensors)


def write(tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    # The widest first: then each tensor lies where its numbers can be read in place.
    ordered = sorted(tensors.items(), key=lambda one: -one[1].dtype.itemsize)
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at = 0
    for name, numbers in ordered:
        header[name] = {"dtype": NAMES[numbers.dtype.str], "shape": list(numbers.shape), "data_offsets": [at, at + numbers.nbytes]}
        at += numbers.nbytes
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *(numbers.tobytes() for _, numbers in ordered)])


def parse(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise malformed("its header is not JSON") from None
    return as_object(value, "the header")


def as_object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise malformed(f'"{name}" is not an object')
    return value


def are_counts(value: Any) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 2**53 for one in value)


def malformed(why: str) -> Refusal:
    return bad_request(f"This is not in the safetensors format: {why}.")
