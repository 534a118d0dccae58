"""Time in the model: an integer number of microseconds since the scenario's epoch.

Integers, because floats make merged and unmerged schedules differ in the last digit. The epoch is a fixed Monday, so
that a "normal week" starts on one; all wall-clock renderings are UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Protocol

MILLISECOND_US: Final = 1_000
SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US

EPOCH: Final = datetime(2026, 1, 5, tzinfo=UTC)
EPOCH_S: Final = int(EPOCH.timestamp())


class Clock(Protocol):
    """What a service may ask about time: the world's clock, never the machine's."""

    @property
    def now_us(self) -> int:
        """Microseconds since the epoch."""


def unix_s(time_us: int) -> int:
    """The Unix second in which a moment of the model falls, as Stripe stamps its objects."""
    return EPOCH_S + time_us // SECOND_US


def time_us(unix_second: int) -> int:
    """The moment of the model at which a Unix second begins; negative before the epoch."""
    return (unix_second - EPOCH_S) * SECOND_US


def moment(time_us: int) -> datetime:
    """A moment of the model as a UTC datetime."""
    return EPOCH + timedelta(microseconds=time_us)


def rfc3339(time_us: int) -> str:
    """A moment of the model as the contract writes times: RFC 3339 in UTC, whole seconds."""
    minute, second = divmod(time_us // SECOND_US, 60)
    return _minute(minute) + _SECONDS[second]


_SECONDS: Final = tuple(f"{second:02d}Z" for second in range(60))


@lru_cache(maxsize=4096)
def _minute(minute: int) -> str:
    """A minute since the epoch as times in it begin; `strftime` is slow, and many things happen within a minute."""
    return moment(minute * MINUTE_US).strftime("%Y-%m-%dT%H:%M:")
