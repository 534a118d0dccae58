"""Random draws keyed by (seed, customer, purpose): never "the next number".

The same customer therefore behaves the same in every phase, on every target, with any number of workers and in every
Python version, and one customer can be replayed alone. A draw is a keyed BLAKE2b digest, sixty-four bytes that hold
eight numbers: the first draws of eight neighbouring purposes share one digest, so that a customer costs a handful of
digests and not one for each draw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import blake2b
from statistics import NormalDist
from struct import Struct
from typing import Final, TypeVar

from sim.purposes import Purpose

_EIGHT = Struct("<8Q")
_UNIT: Final = 2.0**-53
_NORMAL_INVERSE = NormalDist().inv_cdf
_EXP = math.exp
_P95_QUANTILE: Final = NormalDist().inv_cdf(0.95)
_LATER: Final = 1 << 32

K = TypeVar("K")


class Lognormal:
    """A lognormal duration, described by its median and its 95th percentile, in microseconds."""

    __slots__ = ("median_us", "sigma")

    def __init__(self, median_us: int, p95_us: int) -> None:
        self.median_us = median_us
        self.sigma = math.log(p95_us / median_us) / _P95_QUANTILE


class Streams:
    """The draws of one customer."""

    __slots__ = ("customer", "_hash", "_blocks", "_counts")

    def __init__(self, seed: int, customer: int) -> None:
        self.customer = customer
        self._hash = blake2b(customer.to_bytes(8, "little"), key=seed.to_bytes(8, "little", signed=True))
        self._blocks: dict[int, tuple[int, ...]] = {}
        self._counts: dict[int, int] = {}

    def uniform(self, purpose: Purpose | int, index: int = 0) -> float:
        """A number in [0, 1): the `index`-th draw for that purpose, the same whenever and however often it is asked."""
        key = (index >> 3) + 1 << 16 | purpose if index else purpose >> 3
        block = self._blocks.get(key) or self._block(key, purpose, index)
        return (block[(index or purpose) & 7] >> 11) * _UNIT

    def _block(self, key: int, purpose: int, index: int) -> tuple[int, ...]:
        """Draw eight numbers at once. `key`: where they are kept, smaller and so faster than the number digested."""
        block_number = _LATER + (purpose << 20) + (index >> 3) if index else key
        digest = self._hash.copy()
        digest.update(block_number.to_bytes(8, "little"))
        block = self._blocks[key] = _EIGHT.unpack(digest.digest())
        return block

    def next_index(self, purpose: Purpose | int) -> int:
        """0, 1, 2 … at successive calls for one purpose: for repeated things such as the n-th call to a service."""
        index = self._counts.get(purpose, 0)
        self._counts[purpose] = index + 1
        return index

    def chance(self, probability: float, purpose: Purpose | int, index: int = 0) -> bool:
        """True with the given probability. The draw is made even for 0 and 1, so that sweeps stay paired."""
        return self.uniform(purpose, index) < probability

    def choice(self, weights: Mapping[K, float], purpose: Purpose | int, index: int = 0) -> K:
        """One key of `weights`, with odds proportional to its weight. Raises ValueError if no weight is positive."""
        if len(weights) == 1:
            return next(iter(weights))
        total = math.fsum(weights.values())
        if total <= 0:
            raise ValueError(f"no positive weight in {dict(weights)!r}")
        threshold = self.uniform(purpose, index) * total
        for key, weight in weights.items():
            threshold -= weight
            if threshold < 0:
                return key
        return max(weights, key=lambda key: weights[key])

    def lognormal_us(self, median_us: int, p95_us: int, purpose: Purpose | int, index: int = 0) -> int:
        """A lognormal duration in microseconds, described by its median and its 95th percentile."""
        return self.duration_us(Lognormal(median_us, p95_us), purpose, index)

    def duration_us(self, spread: Lognormal, purpose: Purpose | int, index: int = 0) -> int:
        """As `lognormal_us`, of a distribution that is worked out already."""
        # As `uniform`, without the call: most draws are of durations.
        key = (index >> 3) + 1 << 16 | purpose if index else purpose >> 3
        block = self._blocks.get(key) or self._block(key, purpose, index)
        uniform = (block[(index or purpose) & 7] >> 11) * _UNIT or _UNIT
        return round(spread.median_us * _EXP(spread.sigma * _NORMAL_INVERSE(uniform))) or 1

    def next_duration_us(self, spread: Lognormal, purpose: Purpose | int) -> int:
        """The next of the durations that are drawn again and again for one purpose."""
        counts = self._counts
        index = counts.get(purpose, 0)
        counts[purpose] = index + 1
        return self.duration_us(spread, purpose, index)

    def exponential_us(self, mean_us: int, purpose: Purpose | int, index: int = 0) -> int:
        """An exponential duration in microseconds."""
        return round(-mean_us * math.log1p(-self.uniform(purpose, index)))
