"""The calendar of billing: periods that begin on the same day of the month, or the last one where there is no such day.

Source: Stripe's page "Setting the subscription billing cycle date".
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime
from typing import Final, Literal

Interval = Literal["day", "week", "month", "year"]
INTERVALS: Final[tuple[Interval, ...]] = ("day", "week", "month", "year")
_DAY_S: Final = 86_400
_LONGEST_S: Final = {"day": _DAY_S, "week": 7 * _DAY_S, "month": 31 * _DAY_S, "year": 366 * _DAY_S}
MOST_IN_THREE_YEARS: Final = {"day": 1095, "week": 156, "month": 36, "year": 3}
"""Source: the description of `recurring.interval_count` in the official SDK. Assumption: the days, which
it does not give."""


def moved_on(anchor_s: int, interval: Interval, count: int) -> int:
    """The Unix second `count` intervals after (before, if negative) an anchor."""
    if interval in ("day", "week"):
        return anchor_s + count * _LONGEST_S[interval]
    anchor = datetime.fromtimestamp(anchor_s, UTC)
    months = anchor.year * 12 + anchor.month - 1 + count * (12 if interval == "year" else 1)
    year, month = months // 12, months % 12 + 1
    day = min(anchor.day, monthrange(year, month)[1])
    return int(anchor.replace(year=year, month=month, day=day).timestamp())


def period_end(anchor_s: int, interval: Interval, count: int, now_s: int) -> int:
    """The end of the period that is under way at `now_s`: the first boundary after it."""
    number = (now_s - anchor_s) // (_LONGEST_S[interval] * count)
    while moved_on(anchor_s, interval, number * count) <= now_s:
        number += 1
    return moved_on(anchor_s, interval, number * count)
