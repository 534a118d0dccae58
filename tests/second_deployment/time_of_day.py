"""The deployment's clock: the machine's, and what test support has moved it on by."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """`_offset_us`: what a loop in which nobody waits has skipped; that is real time too, as far as anybody can tell.

    `advanced_s`: what test support has added, which is the deployment's own affair.
    """

    def __init__(self) -> None:
        self._offset_us = 0
        self.advanced_s = 0.0

    @property
    def real_s(self) -> float:
        """Unix time."""
        return time.time() + self._offset_us / 1_000_000

    @property
    def now_s(self) -> float:
        """Unix time by the deployment."""
        return self.real_s + self.advanced_s


def moment(at_s: float) -> str:
    """A time as answers spell it: with microseconds and an offset, where others write `Z`."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="microseconds")
