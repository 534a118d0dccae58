"""When customers come: each one's time is drawn by itself from the process's distribution, so they are independent.

Given their number, the arrivals of a Poisson process are that many independent uniform times (the order-statistics
property); hence `poisson` and `uniform` are one thing here.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from typing import Final

from scenarios.scenario import Arrivals, Variant
from sim.purposes import Purpose
from sim.streams import Streams
from sim.time import HOUR_US

# Looked up once: a member of an enumeration costs a call in Python 3.11.
_ARRIVAL: Final = Purpose.ARRIVAL

# Assumption: a day and a week of a business product sold world-wide; only the shape matters. UTC, from 00:00 on.
_HOURS: Final = (30, 25, 22, 22, 25, 32, 45, 62, 82, 95, 100, 98, 92, 98, 105, 106, 102, 95, 84, 72, 62, 54, 46, 38)
_WEEKDAYS: Final = (1.0, 1.05, 1.05, 1.0, 0.9, 0.55, 0.5)


def arrival_us(variant: Variant, streams: Streams, index: int, count: int) -> int:
    """When customer `index` of `count` comes, in microseconds after the start. Not sorted by index."""
    return arrival_time_us(variant.scenario.customers.arrivals, streams, index, count)


def arrival_time_us(arrivals: Arrivals, streams: Streams, index: int, count: int) -> int:
    """As `arrival_us`, for the arrivals of one scenario. Without a gap, `every` divides `over` by the count."""
    process = arrivals.process
    if process == "at_once":
        return 0
    if process == "every":
        gap_us = arrivals.every if arrivals.every is not None else arrivals.over // max(1, count)
        return index * gap_us
    uniform = streams.uniform(_ARRIVAL)
    if process == "daily_rhythm":
        return _by_rhythm_us(uniform, arrivals.over)
    return int(uniform * arrivals.over)


@lru_cache(maxsize=8)
def _rhythm(over_us: int) -> tuple[float, ...]:
    """Customers to be expected until the end of each hour of the window, whose last hour may be a part."""
    hours = -(-over_us // HOUR_US)
    weights = [_HOURS[hour % 24] * _WEEKDAYS[hour // 24 % 7] for hour in range(hours)]
    weights[-1] *= (over_us - (hours - 1) * HOUR_US) / HOUR_US
    return tuple(accumulate(weights))


def _by_rhythm_us(uniform: float, over_us: int) -> int:
    """The inverse of the rhythm's distribution function."""
    if over_us <= 0:
        return 0
    reached = _rhythm(over_us)
    wanted = uniform * reached[-1]
    hour = min(bisect_right(reached, wanted), len(reached) - 1)
    before = reached[hour - 1] if hour else 0.0
    length_us = min(HOUR_US, over_us - hour * HOUR_US)
    return hour * HOUR_US + int((wanted - before) / (reached[hour] - before) * length_us)
