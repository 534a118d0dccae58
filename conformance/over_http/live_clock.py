"""The clock of programs that run in real time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sim.time import EPOCH_S, SECOND_US

_EPOCH_NS: Final = EPOCH_S * 1_000_000_000


class LiveClock:
    """The machine's clock, as the model counts time, plus an offset that only ever grows.

    Test support moves the offset, so that what takes 23 hours can be tested in seconds.
    """

    __slots__ = ("_listeners", "_offset_us")

    def __init__(self) -> None:
        self._offset_us = 0
        self._listeners: list[Callable[[float], None]] = []

    @property
    def offset_us(self) -> int:
        """How far it was moved ahead of the machine's clock."""
        return self._offset_us

    def on_advance(self, listener: Callable[[float], None]) -> None:
        """Have `listener` called with the seconds, whenever the clock is moved on."""
        self._listeners.append(listener)

    @property
    def now_us(self) -> int:
        """Microseconds since the model's epoch."""
        return (time.time_ns() - _EPOCH_NS) // 1_000 + self._offset_us

    def advance(self, seconds: float) -> None:
        """Move the clock on, and tell who waits by it. Raises ValueError for a way back."""
        if seconds < 0:
            raise ValueError(f"the clock moves forwards only: {seconds:g} s")
        self.advance_by_us(round(seconds * SECOND_US))
        for listener in self._listeners:
            listener(seconds)

    def advance_by_us(self, offset_us: int) -> None:
        """Take up an offset of before, which nobody waits by yet."""
        self._offset_us += offset_us
