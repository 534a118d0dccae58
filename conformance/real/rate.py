"""How many requests a second go to a deployment, all customers together."""

from __future__ import annotations

import asyncio
from typing import Final

_BURST_S: Final = 0.5
"""What was not used of the last half second may be used at once. Assumption."""


class Rate:
    """Requests leave so far apart on average; whoever comes too early waits, first come first served."""

    __slots__ = ("_apart_s", "_next_s", "waited_s")

    def __init__(self, requests_per_second: float) -> None:
        self._apart_s = 1 / requests_per_second
        self._next_s = 0.0
        self.waited_s = 0.0
        """How long requests waited here, all together: time that no answer's latency contains."""

    async def turn(self) -> None:
        """Wait until one more request may leave."""
        now_s = asyncio.get_running_loop().time()
        due_s = max(self._next_s, now_s - _BURST_S)
        self._next_s = due_s + self._apart_s
        if due_s > now_s:
            self.waited_s += due_s - now_s
            await asyncio.sleep(due_s - now_s)
