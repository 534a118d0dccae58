"""A service's limited number of workers, with a first-come-first-served line in front of them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sim.purposes import Purpose
from sim.streams import Streams

if TYPE_CHECKING:
    from sim.world import Activity


class Workers:
    """`count` requests at once; a worker is busy from the start of its service time until the answer leaves.

    With `exponential` service times and Poisson arrivals this is an M/M/c queue. A free worker is granted without an
    event of its own.
    """

    __slots__ = ("_exponential", "_free", "_line", "_mean_us", "longest_line")

    def __init__(self, count: int, mean_us: int, *, exponential: bool = True) -> None:
        self._free = count
        self._mean_us = mean_us
        self._exponential = exponential
        self._line: deque[Activity] = deque()
        self.longest_line = 0

    def service_time_us(self, streams: Streams) -> int:
        """How long the next request keeps a worker before it is handled."""
        if not self._exponential:
            return self._mean_us
        return streams.exponential_us(self._mean_us, Purpose.SERVICE_TIME, streams.next_index(Purpose.SERVICE_TIME))

    def take(self, activity: Activity) -> bool:
        """Take a free worker, or stand in line and return False."""
        if self._free:
            self._free -= 1
            return True
        self._line.append(activity)
        self.longest_line = max(self.longest_line, len(self._line))
        return False

    def give_back(self) -> None:
        """A worker is done: the first in line has it now."""
        if self._line:
            self._line.popleft().serve(self)
        else:
            self._free += 1
