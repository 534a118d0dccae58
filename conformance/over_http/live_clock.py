"""The clock of programs that run in real time."""

from __future__ import annotations

import time
from typing import Final

from sim.time import EPOCH_S, SECOND_US

_EPOCH_NS: Final = EPOCH_S * 1_000_000_000


class LiveClock:
    """The machine's clock, as the model counts time, plus an offset that only ever grows.

    Test support moves the offset, so that what takes 23 hours can be tested in seconds.
    """

    __slots__ = ("_offset_us",)

    def __init__(self) -> None:
        self._offset_us = 0

    @property
    def now_us(self) -> int:
        """Microseconds since the model's epoch."""
        return (time.time_ns() - _EPOCH_NS) // 1_000 + self._offset_us

    def advance(self, seconds: float) -> None:
        """Move the clock on; what waits in real time goes on waiting. Raises ValueError for a way back."""
        if seconds < 0:
            raise ValueError(f"the clock moves forwards only: {seconds:g} s")
        self._offset_us += round(seconds * SECOND_US)
