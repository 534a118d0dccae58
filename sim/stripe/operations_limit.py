"""Stripe's limit of operations per second, for those who want to meet it in a test."""

from __future__ import annotations

from typing import Final

from sim.time import SECOND_US

TEST_MODE_PER_S: Final = 25
"""Source: Stripe's page "Rate limits"; in live mode it is 100."""


class OperationsLimit:
    """So many operations in each second of the clock, then none until the next."""

    __slots__ = ("per_s", "_second", "_count")

    def __init__(self, per_s: int) -> None:
        if per_s < 1:
            raise ValueError(f"a limit of {per_s} operations per second refuses everything: give 1 or more, or none")
        self.per_s = per_s
        self._second = -1
        self._count = 0

    def passes(self, now_us: int) -> bool:
        """Count one operation: whether it may pass."""
        second = now_us // SECOND_US
        if second != self._second:
            self._second = second
            self._count = 0
        self._count += 1
        return self._count <= self.per_s
