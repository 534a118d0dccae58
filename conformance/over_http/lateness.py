"""How late the harness itself was: the distance between when something was due and when its turn really came.

A harness that cannot keep up sees its own queue as the target's latency. So the lateness of every wake-up is counted,
and a run whose lateness exceeds a bound is inconclusive.
"""

from __future__ import annotations

from typing import Final

_STEPS_BITS: Final = 4
_STEPS: Final = 1 << _STEPS_BITS
"""Steps between a power of two and the next: what is reported is at most a sixteenth above what was measured."""


class Lateness:
    """Counts microseconds in steps of a sixteenth: some hundred numbers, however many wake-ups there are."""

    __slots__ = ("_counts", "count", "max_us")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count = 0
        self.max_us = 0

    def record(self, late_us: int) -> None:
        """Count one wake-up. One that came early (clocks are coarse) was not late."""
        late_us = max(0, late_us)
        step = _step(late_us)
        self._counts[step] = self._counts.get(step, 0) + 1
        self.count += 1
        self.max_us = max(self.max_us, late_us)

    def quantile_us(self, share: float) -> int | None:
        """At most so late was that share of the wake-ups; None where there were none. Errs upwards, by a sixteenth."""
        if self.count == 0:
            return None
        wanted = share * self.count
        seen = 0
        for step in sorted(self._counts):
            seen += self._counts[step]
            if seen >= wanted:
                return min(_largest_us(step), self.max_us)
        return self.max_us

    @property
    def p50_us(self) -> int | None:
        return self.quantile_us(0.5)

    @property
    def p99_us(self) -> int | None:
        return self.quantile_us(0.99)

    def merge(self, other: Lateness) -> None:
        """Add what another recorder counted."""
        for step, count in other._counts.items():
            self._counts[step] = self._counts.get(step, 0) + count
        self.count += other.count
        self.max_us = max(self.max_us, other.max_us)


def _step(late_us: int) -> int:
    """Small numbers have a step each; above, each power of two is cut into sixteen."""
    shift = max(0, late_us.bit_length() - _STEPS_BITS - 1)
    return (shift << _STEPS_BITS) + (late_us >> shift)


def _largest_us(step: int) -> int:
    """The largest number that falls into a step."""
    if step < 2 * _STEPS:
        return step
    shift = (step >> _STEPS_BITS) - 1
    return (((step - (shift << _STEPS_BITS)) + 1) << shift) - 1
