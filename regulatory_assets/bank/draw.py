"""Draws without state: every value is a pure function of seed, field and number of the thing.

A draw needs no stream position, so any deal of any day can be made alone, in any order and in any
chunk size, with the same result. Only integer arithmetic is used: the bytes cannot depend on a
machine's floating point or on a library's random number generator.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context
from hashlib import sha256

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_Words = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)

_POWER_BITS = 10
_POWER_SCALE = 30
_FIELDS, _FIELD_VALUES = 8, 1 << 16


def _powers_of_two() -> Ints:
    """2**(n/1024) for n in 0..1023, times 2**30, rounded once in decimal arithmetic."""
    context = Context(prec=40, rounding=ROUND_HALF_EVEN)
    steps, two = 1 << _POWER_BITS, context.create_decimal(2)
    exact = (
        context.multiply(context.power(two, context.divide(n, steps)), 1 << _POWER_SCALE)
        for n in range(steps)
    )
    return np.array([int(context.to_integral_value(x)) for x in exact], dtype=np.int64)


_POWERS = _powers_of_two()


def _octave_steps_per_sigma() -> int:
    """How far one standard deviation is from the mean, in 1/1024 octaves times 2**20 per field.

    A sum of eight 16-bit fields has the variance 8 * (2**32 - 1) / 12.
    """
    context = Context(prec=40, rounding=ROUND_HALF_EVEN)
    variance = context.divide(_FIELDS * (_FIELD_VALUES**2 - 1), 12)
    per_unit = context.divide(
        1 << (_POWER_BITS + 20), context.multiply(context.sqrt(variance), context.ln(2))
    )
    return int(context.to_integral_value(per_unit))


def _scaled(median: Ints, fraction: Ints) -> Ints:
    """``median * fraction / 2**30``, rounded down, in halves whose products fit 64 bits."""
    half = _POWER_SCALE // 2
    low = (1 << half) - 1
    upper = (median >> half) * fraction
    scaled: Ints = (upper >> half) + (
        (((upper & low) << half) + (median & low) * fraction) >> _POWER_SCALE
    )
    return scaled


_STEP = _octave_steps_per_sigma()


def _mix(words: _Words) -> _Words:
    """The finaliser of SplitMix64: every input bit reaches every output bit."""
    words = (words ^ (words >> np.uint64(30))) * _MIX_1
    words = (words ^ (words >> np.uint64(27))) * _MIX_2
    mixed: _Words = words ^ (words >> np.uint64(31))
    return mixed


class Draw:
    """The draws of one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._salts: dict[str, np.uint64] = {}

    def _words(self, field: str, keys: tuple[Ints, ...]) -> _Words:
        salt = self._salts.get(field)
        if salt is None:
            digest = sha256(f"{self._seed}/{field}".encode()).digest()
            salt = self._salts[field] = np.uint64(int.from_bytes(digest[:8], "little"))
        words = np.full(keys[0].shape, salt, dtype=np.uint64)
        for key in keys:
            words = _mix(words + key.astype(np.uint64) * _GOLDEN)
        return words

    def below(self, limit: int | Ints, field: str, *keys: Ints) -> Ints:
        """Evenly distributed whole numbers from 0 up to, not including, ``limit`` (< 2**31)."""
        high = self._words(field, keys) >> np.uint64(32)
        bound = np.asarray(limit, dtype=np.uint64)
        return ((high * bound) >> np.uint64(32)).astype(np.int64)

    def chance(self, per_mille: int | Ints, field: str, *keys: Ints) -> Bools:
        """True for about ``per_mille`` of a thousand keys."""
        hit: Bools = self.below(1000, field, *keys) < per_mille
        return hit

    def log_normal(self, median: Ints, sigma_mille: Ints, field: str, *keys: Ints) -> Ints:
        """Whole numbers around ``median``, log-normal with sigma ``sigma_mille`` / 1000.

        The normal part is a sum of eight evenly distributed fields, so no value lies further from
        the median than 4.9 sigma.
        """
        words = np.stack([self._words(f"{field}/{n}", keys) for n in range(2)], axis=-1)
        total = words.view(np.uint16).sum(axis=-1, dtype=np.int64)
        centred = 2 * total - _FIELDS * (_FIELD_VALUES - 1)
        steps = (centred * sigma_mille // 1000 * _STEP) >> 21
        octaves = steps >> _POWER_BITS
        fraction = _POWERS[steps & ((1 << _POWER_BITS) - 1)]
        scaled = _scaled(np.asarray(median, dtype=np.int64), fraction)
        size: Ints = (scaled << np.maximum(octaves, 0)) >> np.maximum(-octaves, 0)
        return size
