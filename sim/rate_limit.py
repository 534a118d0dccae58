"""The rate limit of the gateway: so many requests per credential in five minutes, then none for five minutes."""

from __future__ import annotations

from typing import Final, Protocol

from sim.time import MINUTE_US, SECOND_US

WINDOW_US: Final = 5 * MINUTE_US
BLOCKED_US: Final = 5 * MINUTE_US


class RateLimit(Protocol):
    """Counts requests by account; a deployment may keep the counts in Redis."""

    def retry_after_s(self, account_id: str, limit: int, now_us: int) -> int:
        """Count one request: 0 if it may pass, else the seconds to wait before the next try."""

    def forget(self, account_id: str) -> None:
        """Drop the counts of an account."""


class MemoryRateLimit:
    """A fixed window that starts with the first request; [start of window, requests, blocked until] by account."""

    __slots__ = ("_windows",)

    def __init__(self) -> None:
        self._windows: dict[str, list[int]] = {}

    def retry_after_s(self, account_id: str, limit: int, now_us: int) -> int:
        window = self._windows.get(account_id)
        if window is None:
            self._windows[account_id] = [now_us, 1, 0]
            return 0
        if window[2] > now_us:
            return -((now_us - window[2]) // SECOND_US)
        if now_us - window[0] >= WINDOW_US or window[2]:
            window[0], window[1], window[2] = now_us, 1, 0
            return 0
        window[1] += 1
        if window[1] <= limit:
            return 0
        window[2] = now_us + BLOCKED_US
        return BLOCKED_US // SECOND_US

    def forget(self, account_id: str) -> None:
        self._windows.pop(account_id, None)
