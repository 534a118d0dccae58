"""Proportions, their differences and percentiles, each with what it rests on. No data gives None, never a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

CONFIDENCE: Final = 0.95
"""The confidence of every interval that is reported."""

_Z: Final = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)


class Proportion(NamedTuple):
    """A share of `n` with its Wilson interval; `low`, `high` and `value` lie in [0, 1]."""

    value: float
    low: float
    high: float
    n: int


class Difference(NamedTuple):
    """One share less another, with its interval; all three lie in [-1, 1]."""

    value: float
    low: float
    high: float


def proportion(count: int, n: int) -> Proportion | None:
    """The share `count / n` with its Wilson score interval at `CONFIDENCE`; None where there is nothing to count.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). It is
    computed here in closed form because a report needs thousands of them, and importing a statistics package costs
    more time than the whole summary; the tests compare it with scipy and statsmodels.

    Raises ValueError unless 0 <= count <= n.
    """
    if not 0 <= count <= n:
        raise ValueError(f"a share needs 0 <= count <= n, not count={count} of n={n}")
    if n == 0:
        return None
    share = count / n
    spread = 1 + _Z * _Z / n
    centre = (share + _Z * _Z / (2 * n)) / spread
    half = _Z / spread * math.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    # At the ends the bound is exactly 0 or 1; floating point would leave 1e-17 there.
    low = 0.0 if count == 0 else max(0.0, centre - half)
    high = 1.0 if count == n else min(1.0, centre + half)
    return Proportion(share, low, high, n)


def difference(after: Proportion | None, before: Proportion | None) -> Difference | None:
    """`after` less `before` with Newcombe's hybrid score interval for independent samples; None without data.

    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statistics in
    Medicine 17 (1998), method 10. The two arms of a run share their customers, so this interval is wider than one
    that pairs them: it errs on the side of not claiming a difference.
    """
    if after is None or before is None:
        return None
    value = after.value - before.value
    below = math.hypot(after.value - after.low, before.high - before.value)
    above = math.hypot(after.high - after.value, before.value - before.low)
    return Difference(value, max(-1.0, value - below), min(1.0, value + above))


def percentile(values: Sequence[int], share: float) -> float | None:
    """The `share` quantile (0 to 1) of `values` by linear interpolation; None where there are no values."""
    if not values:
        return None
    import numpy

    return float(numpy.quantile(numpy.asarray(values, dtype=numpy.int64), share))
