"""The rate limit of the gateway: so many requests per credential in five minutes, then none for five minutes."""

from __future__ import annotations

from typing import Final, Protocol

from sim.store import Account
from sim.time import MINUTE_US, SECOND_US

WINDOW_US: Final = 5 * MINUTE_US
BLOCKED_US: Final = 5 * MINUTE_US
"""Source of both: the platform's public API limits, 1,200 requests in five minutes, then 429 for five."""


class RateLimit(Protocol):
    """Counts requests; a deployment may keep the counts in Redis."""

    def retry_after_s(self, account: Account, limit: int, now_us: int) -> int:
        """Count one request of the account's credential: 0 if it may pass, else the seconds to wait."""


class MemoryRateLimit:
    """A fixed window that starts with the first request, kept with the account so that it goes with it."""

    __slots__ = ()

    def retry_after_s(self, account: Account, limit: int, now_us: int) -> int:
        window = account.request_window
        if window is None:
            account.request_window = [now_us, 1, 0]
            return 0
        return count(window, limit, now_us)


def count(window: list[int], limit: int, now_us: int) -> int:
    """Count one request in a window (its start, requests in it, blocked until): 0, or the seconds to wait."""
    start_us, _, blocked_until_us = window
    if blocked_until_us > now_us:
        return -((now_us - blocked_until_us) // SECOND_US)
    if blocked_until_us or now_us - start_us >= WINDOW_US:
        window[0], window[1], window[2] = now_us, 1, 0
        return 0
    window[1] += 1
    if window[1] <= limit:
        return 0
    window[2] = now_us + BLOCKED_US
    return BLOCKED_US // SECOND_US
