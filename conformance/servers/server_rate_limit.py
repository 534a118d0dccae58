"""The rate limit in one server's memory, for stores that hand out copies of accounts."""

from __future__ import annotations

from typing import Final

from sim.rate_limit import BLOCKED_US, WINDOW_US, count
from sim.store import Account

WINDOWS_MAX: Final = 50_000
"""How many accounts are counted before those that were quiet for long are forgotten. Assumption: some ten megabytes."""


class ServerRateLimit:
    """As `MemoryRateLimit`, but by the account's id: each server counts for itself, and a restart forgets."""

    __slots__ = ("_windows",)

    def __init__(self) -> None:
        self._windows: dict[str, list[int]] = {}

    def retry_after_s(self, account: Account, limit: int, now_us: int) -> int:
        window = self._windows.get(account.id)
        if window is not None:
            return count(window, limit, now_us)
        if len(self._windows) >= WINDOWS_MAX:
            self._forget_quiet(now_us)
        self._windows[account.id] = [now_us, 1, 0]
        return 0

    def _forget_quiet(self, now_us: int) -> None:
        """Drop windows that are over; if that is not half of them, the older half."""
        earliest_us = now_us - WINDOW_US - BLOCKED_US
        kept = {name: window for name, window in self._windows.items() if window[0] > earliest_us}
        newest = sorted(kept, key=lambda name: kept[name][0])[-WINDOWS_MAX // 2 :]
        self._windows = {name: kept[name] for name in newest}
