"""A uniform number for each token of a call, as the embedded policy draws it (runtime/policy/random.ts): counter-based, so there is no state to lose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_AHEAD = 256


class TokenRandom:
    """Of one call. `key` has 64 bits."""

    def __init__(self, key: int) -> None:
        self._key = key
        self._first = 0
        self._block = uniforms(key, 0, _AHEAD)

    def uniform(self, token: int) -> float:
        """In [0, 1)."""
        if not self._first <= token < self._first + _AHEAD:
            self._first = token - token % _AHEAD
            self._block = uniforms(self._key, self._first, _AHEAD)
        return float(self._block[token - self._first])


def uniforms(key: int, first: int, count: int) -> NDArray[np.float64]:
    tokens = np.arange(first, first + count, dtype=np.uint64)
    zero = np.zeros_like(tokens)
    a, b, _, _ = philox4x32((tokens & _LOW, tokens >> _HALF, zero, zero), (key & 0xFFFFFFFF, key >> 32))
    return ((a >> np.uint64(5)) * 2.0**26 + (b >> np.uint64(6))) / 2.0**53


Words = tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]


def philox4x32(counter: Words, key: tuple[int, int]) -> Words:
    """Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), on words of 32 bits held in 64."""
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        product_a, product_c = a * np.uint64(0xD2511F53), c * np.uint64(0xCD9E8D57)
        a, b = (product_c >> _HALF) ^ b ^ np.uint64(k0), product_c & _LOW
        c, d = (product_a >> _HALF) ^ d ^ np.uint64(k1), product_a & _LOW
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return a, b, c, d
